import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
} from '#machinery/types/apiextensions-v1.ts';
import { eachItem, oneOf } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { validateClientConfig, validateReviewVersions } from '../../webhook-client.ts';
import { validateNames } from './names.ts';
import { validateVersions } from './versions.ts';

const SPEC = FieldPath.of('spec');
const SCOPES = ['Cluster', 'Namespaced'];
const STRATEGIES = ['None', 'Webhook'];
const APPROVED = 'api-approved.kubernetes.io';

/** Checks a definition but for the structure of its schemas. Source: apiextensions.k8s.io/v1 API. */
export function validateDefinition(definition: CustomResourceDefinition): FieldError[] {
  const { metadata, spec, status } = definition;
  const name = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`;
  return [
    ...(metadata.name === name
      ? []
      : [invalid(FieldPath.of('metadata', 'name'), metadata.name, 'must be spec.names.plural+"."+spec.group')]),
    ...validateGroup(spec.group ?? '', SPEC.at('group')),
    ...oneOf(spec.scope, SCOPES, SPEC.at('scope')),
    ...(spec.preserveUnknownFields
      ? [
          invalid(
            SPEC.at('preserveUnknownFields'),
            true,
            'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
          ),
        ]
      : []),
    ...validateVersions(spec, SPEC),
    ...validateNames(spec.names ?? { plural: '', kind: '' }, SPEC.at('names')),
    ...(spec.conversion ? validateConversion(spec.conversion, spec, SPEC.at('conversion')) : []),
    ...validateStoredVersions(status?.storedVersions ?? [], spec),
    ...validateApproval(definition),
  ];
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const { spec } = definition;
  const established = (old.status?.conditions ?? []).some(
    ({ type, status }) => type === 'Established' && status === 'True',
  );
  const approval = old.metadata.annotations?.[APPROVED] === definition.metadata.annotations?.[APPROVED];
  return [
    ...validateDefinition(definition).filter(({ field }) => !(approval && field.includes(APPROVED))),
    ...(established ? validateImmutable(spec.scope, old.spec.scope, SPEC.at('scope')) : []),
    ...(established ? validateImmutable(spec.names.kind, old.spec.names.kind, SPEC.at('names', 'kind')) : []),
    ...validateImmutable(spec.group, old.spec.group, SPEC.at('group')),
    ...validateImmutable(spec.names.plural, old.spec.names.plural, SPEC.at('names', 'plural')),
  ];
}

function validateGroup(group: string, path: FieldPath): FieldError[] {
  if (group === '') return [required(path)];
  const messages = isDnsSubdomain(group, false);
  if (messages.length > 0) return [invalid(path, group, messages.join(','))];
  return group.includes('.') ? [] : [invalid(path, group, 'should be a domain with at least one dot')];
}

/** Upstream's server names the parts of `webhook` as an older version did. */
function validateConversion(
  { strategy, webhook }: CustomResourceConversion,
  { preserveUnknownFields }: CustomResourceDefinitionSpec,
  path: FieldPath,
): FieldError[] {
  const client = path.at('webhookClientConfig');
  const reviews = path.at('conversionReviewVersions');
  const versions = webhook?.conversionReviewVersions ?? [];
  const at = path.at('strategy');
  if (strategy !== 'Webhook') {
    const unused = 'should not be set when strategy is not set to Webhook';
    return [
      ...(!strategy ? [required(at)] : STRATEGIES.includes(strategy) ? [] : [notSupported(at, strategy, STRATEGIES)]),
      ...(webhook?.clientConfig ? [forbidden(client, unused)] : []),
      ...(versions.length > 0 ? [forbidden(reviews, unused)] : []),
    ];
  }
  return [
    ...(preserveUnknownFields ? [invalid(at, strategy, 'must be None if spec.preserveUnknownFields is true')] : []),
    ...(webhook?.clientConfig
      ? validateClientConfig(webhook.clientConfig, client)
      : [required(client, 'required when strategy is set to Webhook')]),
    ...validateReviewVersions(versions, reviews),
  ];
}

function validateStoredVersions(stored: readonly string[], spec: CustomResourceDefinitionSpec): FieldError[] {
  const path = FieldPath.of('status', 'storedVersions');
  if (stored.length === 0) return [invalid(path, stored, 'must have at least one stored version')];
  const names = (spec.versions ?? []).map(({ name }) => name);
  return eachItem(stored, path, (version, at) =>
    names.includes(version) ? [] : [invalid(at, version, 'missing from spec.versions; must appear in spec.versions')],
  );
}

/** Groups of Kubernetes itself need the address of their approval. Source: KEP-1111. */
function validateApproval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group ?? '')) return [];
  const path = FieldPath.of('metadata', 'annotations').key(APPROVED);
  const text = metadata.annotations?.[APPROVED] ?? '';
  if (text === '') {
    return [
      required(
        path,
        'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
      ),
    ];
  }
  if (text.startsWith('unapproved') || /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]+/.test(text)) return [];
  return [
    invalid(
      path,
      text,
      'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
    ),
  ];
}
