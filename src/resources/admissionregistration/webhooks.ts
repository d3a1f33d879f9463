import { duplicate, type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import type { MutatingWebhook, ValidatingWebhook } from '#machinery/types/admissionregistration-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { FAILURE_POLICIES, MATCH_POLICIES, validateMatchConditions } from './match.ts';
import { validateRule } from './rules.ts';
import { validateClientConfig, validateReviewVersions } from '../webhook-client.ts';

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

const WEBHOOKS = FieldPath.of('webhooks');
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const MAX_TIMEOUT_SECONDS = 30;

export function defaultWebhook(webhook: Draft<ValidatingWebhook>): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
}

/** Each webhook must be good, and no name may stand twice. */
export function validateWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const names = new Set<string>();
  return eachItem(webhooks, WEBHOOKS, (webhook, path) => {
    const errors = validateWebhook(webhook, path);
    if (webhook.name && names.has(webhook.name)) errors.push(duplicate(path.at('name'), webhook.name));
    names.add(webhook.name);
    return [
      ...errors,
      ...validateReviewVersions(webhook.admissionReviewVersions ?? [], path.at('admissionReviewVersions')),
    ];
  });
}

function validateWebhook(webhook: Webhook, path: FieldPath): FieldError[] {
  const { sideEffects, timeoutSeconds = 1 } = webhook;
  const known = (field: 'failurePolicy' | 'matchPolicy' | 'reinvocationPolicy', values: readonly string[]) => {
    const value = webhook[field];
    return value === undefined || values.includes(value) ? [] : [notSupported(path.at(field), value, values)];
  };
  return [
    ...validateName(webhook.name ?? '', path.at('name')),
    ...eachItem(webhook.rules, path.at('rules'), validateRule),
    ...known('failurePolicy', FAILURE_POLICIES),
    ...known('matchPolicy', MATCH_POLICIES),
    ...(sideEffects === null || sideEffects === undefined
      ? [required(path.at('sideEffects'), `must specify one of ${SIDE_EFFECTS.join(', ')}`)]
      : SIDE_EFFECTS.includes(sideEffects)
        ? []
        : [notSupported(path.at('sideEffects'), sideEffects, SIDE_EFFECTS)]),
    ...(timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_SECONDS
      ? [invalid(path.at('timeoutSeconds'), timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, path.at('namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, path.at('objectSelector')),
    ...validateClientConfig(webhook.clientConfig, path.at('clientConfig')),
    ...known('reinvocationPolicy', REINVOCATION_POLICIES),
    ...validateMatchConditions(webhook.matchConditions, path.at('matchConditions')),
  ];
}

/** A domain of somebody's own, three labels at least. */
function validateName(name: string, path: FieldPath): FieldError[] {
  if (name === '') return [required(path)];
  const messages = isDnsSubdomain(name, false);
  if (messages.length > 0) return [invalid(path, name, messages.join(','))];
  if (name.split('.').length >= 3) return [];
  return [invalid(path, name, 'should be a domain with at least three segments separated by dots')];
}
