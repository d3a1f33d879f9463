import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { numberIn } from '#machinery/int-or-string.ts';
import type { Column } from '#machinery/resource/columns.ts';
import { wideColumn } from '#machinery/resource/columns.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import { compileLabelSelector, matchesLabels, showLabelSelector } from '#machinery/selectors/labels.ts';
import type { PodTemplateSpec } from '#machinery/types/core-v1.ts';
import type { IntOrString, LabelSelector, ObjectMeta } from '#machinery/types/meta-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { validatePodTemplate } from '../core/pod/validation/pod.ts';

/** What all kinds that keep pods from a template have in common. */

const SPEC = FieldPath.of('spec');
const PERCENT = /^[0-9]+%$/;
const BAD_PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count, or a share such as `25%`. */
export function countOrPercent(value: IntOrString | undefined, path: FieldPath): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(value, path);
  return PERCENT.test(value) ? [] : [invalid(path, value, BAD_PERCENT)];
}

export function notOver100Percent(value: IntOrString | undefined, path: FieldPath): FieldError[] {
  if (typeof value !== 'string' || !PERCENT.test(value) || numberIn(value) <= 100) return [];
  return [invalid(path, value, 'must not be greater than 100%')];
}

function isEmpty(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

export function validateWorkloadSelector(
  selector: LabelSelector | null | undefined,
  kind: string,
  path: FieldPath = SPEC.at('selector'),
): FieldError[] {
  if (!selector) return [required(path)];
  const errors = validateLabelSelector(selector, path);
  if (isEmpty(selector)) errors.push(invalid(path, selector, `empty selector is invalid for ${kind}`));
  return errors;
}

export interface TemplateRules {
  readonly selector: LabelSelector | null | undefined;
  /** Kind in the message about deadlines. */
  readonly kind: string;
  readonly path?: FieldPath;
}

/** The template of pods that run for ever: it matches the selector and always restarts. */
export function validateRunningTemplate(
  template: PodTemplateSpec | undefined,
  { selector, kind, path = SPEC.at('template') }: TemplateRules,
  featureOn: WriteContext['featureOn'],
): FieldError[] {
  if (!template) return [required(path)];
  const spec = template.spec ?? { containers: null };
  const errors: FieldError[] = [];
  if (selector && validateLabelSelector(selector, path).length > 0) {
    return [invalid(SPEC.at('selector'), selector, 'invalid label selector')];
  }
  const unselected = kind !== 'ReplicationController' && kind !== 'DaemonSet' && !selector;
  if (unselected || (selector && !isEmpty(selector))) {
    if (!matchesLabels(compileLabelSelector(selector), template.metadata?.labels)) {
      errors.push(
        invalid(
          path.at('metadata', 'labels'),
          template.metadata?.labels ?? null,
          '`selector` does not match template `labels`',
        ),
      );
    }
  }
  errors.push(...validatePodTemplate(template, path, featureOn));
  if (spec.restartPolicy !== 'Always' && !(kind === 'ReplicationController' && !spec.restartPolicy)) {
    errors.push(notSupported(path.at('spec', 'restartPolicy'), spec.restartPolicy ?? '', ['Always']));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push(
      forbidden(path.at('spec', 'activeDeadlineSeconds'), `activeDeadlineSeconds in ${kind} is not Supported`),
    );
  }
  return errors;
}

export function immutable(value: unknown, old: unknown, path: FieldPath): FieldError[] {
  return semanticEqual(value ?? null, old ?? null) ? [] : [invalid(path, value ?? null, 'field is immutable')];
}

/** Counts in a status: none negative. */
export function nonNegativeCounts<Field extends string>(
  status: { readonly [Name in Field]?: unknown } | undefined,
  fields: readonly Field[],
): FieldError[] {
  return fields.flatMap((field) => {
    const value = status?.[field];
    return typeof value === 'number' || typeof value === 'bigint'
      ? nonNegative(value, FieldPath.of('status', field))
      : [];
  });
}

/** `field` counts a part of what `whole` counts. */
export function notGreater(status: Readonly<Record<string, unknown>>, field: string, whole: string): FieldError[] {
  const part = Number(status[field] ?? 0);
  if (part <= Number(status[whole] ?? 0)) return [];
  const shown = whole === 'replicas' ? 'status.replicas' : whole;
  return [invalid(FieldPath.of('status', field), part, `cannot be greater than ${shown}`)];
}

export function collisionCountGrows(now: number | undefined, old: number | undefined): FieldError[] {
  if (old === undefined) return [];
  const path = FieldPath.of('status', 'collisionCount');
  if ((now ?? 0) >= old) return [];
  return [invalid(path, now ?? null, 'cannot be decremented')];
}

/** Names become parts of pods' names and host names, where dots surprise. */
export function nameWarnings({ name = '' }: ObjectMeta): string[] {
  const messages = isDnsLabel(name, false);
  if (messages.length === 0) return [];
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
  ];
}

interface WithTemplate extends KubeObject {
  readonly spec: { readonly template?: PodTemplateSpec };
}

export function containerNames(template: PodTemplateSpec | undefined): string {
  return (template?.spec?.containers ?? []).map(({ name }) => name).join(',');
}

export function containerImages(template: PodTemplateSpec | undefined): string {
  return (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(',');
}

/** Names and images of the containers in a workload's template. */
export const containerColumns: readonly Column<WithTemplate>[] = [
  wideColumn('Containers', ({ spec }) => containerNames(spec.template)),
  wideColumn('Images', ({ spec }) => containerImages(spec.template)),
];

/** A label selector in a cell. */
export function selectorCell(selector: LabelSelector | null | undefined): string {
  if (!selector) return '<none>';
  return showLabelSelector(compileLabelSelector(selector)) || '<none>';
}

/** A map of labels in a cell. */
export function labelsCell(labels: Readonly<Record<string, string>> | null | undefined): string {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${value}`).join(',') || '<none>';
}
