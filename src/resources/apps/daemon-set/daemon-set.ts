import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { numberIn } from '#machinery/int-or-string.ts';
import type { Draft } from '#machinery/object.ts';
import { ageColumn, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import { badRequestError } from '#machinery/status.ts';
import type { DaemonSet, DaemonSetUpdateStrategy } from '#machinery/types/apps-v1.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { defaultPodTemplate } from '../../core/pod/defaults.ts';
import { dropDisabledFields } from '../../core/pod/prepare.ts';
import { changedTemplateWarnings } from '../../core/pod/warnings.ts';
import {
  collisionCountGrows,
  containerColumns,
  countOrPercent,
  immutable,
  labelsCell,
  nonNegativeCounts,
  notOver100Percent,
  selectorCell,
  validateRunningTemplate,
  validateWorkloadSelector,
} from '../workload.ts';

const SPEC = FieldPath.of('spec');
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

/** Runs a pod on every node that it fits. Source: apps/v1 API. */
export const daemonSet = defineResource('apps/v1', 'DaemonSet', {
  plural: 'daemonsets',
  scope: 'namespaced',
  shortNames: ['ds'],
  categories: ['all'],
  hasGeneration: true,
  fieldAnnotations: [TEMPLATE_GENERATION],
  subresources: {
    status: {
      prepareForUpdate: (draft, old) => setTemplateGeneration(draft, templateGeneration(old)),
      validateUpdate: validateStatus,
    },
  },

  allColumns: [
    nameColumn,
    column('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0, { type: 'integer' }),
    column('Current', ({ status }) => status?.currentNumberScheduled ?? 0, { type: 'integer' }),
    column('Ready', ({ status }) => status?.numberReady ?? 0, { type: 'integer' }),
    column('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0, { type: 'integer' }),
    column('Available', ({ status }) => status?.numberAvailable ?? 0, { type: 'integer' }),
    column('Node Selector', ({ spec }) => labelsCell(spec.template.spec?.nodeSelector)),
    ageColumn,
    ...containerColumns,
    wideColumn('Selector', ({ spec }) => selectorCell(spec.selector)),
  ],

  defaults({ spec }) {
    defaultPodTemplate(spec.template);
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
  },

  prepareForCreate(draft, { featureOn }) {
    draft.status = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 };
    requireTemplateGeneration(draft);
    setTemplateGeneration(draft, Math.max(1, templateGeneration(draft)));
    dropDisabledFields(draft.spec.template.spec, featureOn);
  },
  prepareForUpdate(draft, old, { featureOn }) {
    dropDisabledFields(draft.spec.template.spec, featureOn, old.spec.template.spec);
    requireTemplateGeneration(draft);
    const changed = !semanticEqual(draft.spec.template, old.spec.template);
    setTemplateGeneration(draft, templateGeneration(old) + (changed ? 1 : 0));
  },
  validate: validateDaemonSet,
  validateUpdate: (set, old, context) => [
    ...validateDaemonSet(set, context),
    ...immutable(set.spec.selector, old.spec.selector, SPEC.at('selector')),
  ],
  warnings: (object, old) => changedTemplateWarnings(object, old, object.spec.template),
});

/** How often the template has changed: a field of versions that are gone, kept as an annotation. */
function templateGeneration({ metadata }: Pick<DaemonSet, 'metadata'>): number {
  return Number.parseInt(metadata.annotations?.[TEMPLATE_GENERATION] ?? '', 10) || 0;
}

/** Throws StatusError 400 where the annotation is there and no number. */
function requireTemplateGeneration({ metadata }: Pick<DaemonSet, 'metadata'>): void {
  const text = metadata.annotations?.[TEMPLATE_GENERATION];
  if (text === undefined || /^[+-]?\d+$/.test(text)) return;
  const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw badRequestError(`DaemonSet in version "v1" cannot be handled as a DaemonSet: ${why}`);
}

function setTemplateGeneration({ metadata }: Draft<DaemonSet>, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

function validateDaemonSet({ spec }: DaemonSet, { featureOn }: WriteContext): FieldError[] {
  return [
    ...validateWorkloadSelector(spec.selector, 'daemonset'),
    ...validateRunningTemplate(spec.template, { selector: spec.selector, kind: 'DaemonSet' }, featureOn),
    ...nonNegative(spec.minReadySeconds, SPEC.at('minReadySeconds')),
    ...validateStrategy(spec.updateStrategy ?? {}, SPEC.at('updateStrategy')),
    ...nonNegative(spec.revisionHistoryLimit, SPEC.at('revisionHistoryLimit')),
  ];
}

function validateStrategy({ type, rollingUpdate }: DaemonSetUpdateStrategy, path: FieldPath): FieldError[] {
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported(path, { type, rollingUpdate }, ['OnDelete', 'RollingUpdate'])];
  const at = path.at('rollingUpdate');
  if (!rollingUpdate) return [required(at)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...countOrPercent(maxUnavailable, at.at('maxUnavailable')),
    ...countOrPercent(maxSurge, at.at('maxSurge')),
  ];
  const unavailable = numberIn(maxUnavailable) !== 0;
  const surge = numberIn(maxSurge) !== 0;
  if (unavailable && surge) {
    errors.push(invalid(at.at('maxSurge'), maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (!unavailable && !surge) {
    errors.push(required(at.at('maxUnavailable'), 'cannot be 0 when maxSurge is 0'));
  }
  return [
    ...errors,
    ...notOver100Percent(maxUnavailable, at.at('maxUnavailable')),
    ...notOver100Percent(maxSurge, at.at('maxSurge')),
  ];
}

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

function validateStatus({ status }: DaemonSet, old: DaemonSet): FieldError[] {
  return [
    ...nonNegativeCounts(status, COUNTS),
    ...collisionCountGrows(status?.collisionCount, old.status?.collisionCount),
  ];
}
