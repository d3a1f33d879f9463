import { type FieldError, type FieldPath, invalid, notFound, notSupported, required } from '#machinery/field-error.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { isConfigMapKey } from '#machinery/validation/metadata.ts';
import { isEnvVarName } from '#machinery/validation/net.ts';
import { validateDivisor } from './divisor.ts';
import type { PodScope } from './options.ts';
import { validateNoBacksteps } from './paths.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export function validateEnv(env: readonly EnvVar[] | undefined, path: FieldPath, scope: PodScope): FieldError[] {
  return eachItem(env, path, (variable, at) => [
    ...(variable.name
      ? invalidFor(isEnvVarName(variable.name), variable.name, at.at('name'))
      : [required(at.at('name'))]),
    ...(variable.valueFrom ? validateValueFrom(variable, variable.valueFrom, at.at('valueFrom'), scope) : []),
  ]);
}

function validateValueFrom(variable: EnvVar, from: EnvVarSource, path: FieldPath, scope: PodScope): FieldError[] {
  const sources = Object.values(from).filter((source) => source !== undefined && source !== null);
  const errors: FieldError[] = [];
  if (from.fieldRef) errors.push(...validateFieldRef(from.fieldRef, ENV_FIELDS, path.at('fieldRef')));
  if (from.resourceFieldRef)
    errors.push(...validateResourceFieldRef(from.resourceFieldRef, path.at('resourceFieldRef'), false));
  if (from.configMapKeyRef) errors.push(...validateKeyRef(from.configMapKeyRef, path.at('configMapKeyRef')));
  if (from.secretKeyRef) errors.push(...validateKeyRef(from.secretKeyRef, path.at('secretKeyRef')));
  if (from.fileKeyRef) errors.push(...validateFileKeyRef(from.fileKeyRef, path.at('fileKeyRef'), scope));
  if (sources.length === 0) {
    errors.push(
      invalid(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  } else if (variable.value) {
    errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  } else if (sources.length > 1) {
    errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

/** `metadata.labels['a']` in its parts; undefined where there is no subscript. */
export function subscripted(fieldPath: string): { readonly field: string; readonly key: string } | undefined {
  const match = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(fieldPath);
  return match ? { field: match[1] ?? '', key: match[2] ?? '' } : undefined;
}

export function validateFieldRef(
  ref: ObjectFieldSelector,
  supported: readonly string[],
  path: FieldPath,
): FieldError[] {
  if (!ref.apiVersion) return [required(path.at('apiVersion'))];
  if (!ref.fieldPath) return [required(path.at('fieldPath'))];
  const fieldPath = path.at('fieldPath');
  if (ref.apiVersion !== 'v1') {
    return [
      invalid(fieldPath, ref.fieldPath, `error converting fieldPath: field label not supported: ${ref.fieldPath}`),
    ];
  }
  const keyed = subscripted(ref.fieldPath);
  if (keyed) return validateSubscript(keyed.field, keyed.key, path);
  if (/\[.*\]$/.test(ref.fieldPath) || !isConvertible(ref.fieldPath)) {
    return [
      invalid(fieldPath, ref.fieldPath, `error converting fieldPath: field label not supported: ${ref.fieldPath}`),
    ];
  }
  return supported.includes(ref.fieldPath) ? [] : [notSupported(fieldPath, ref.fieldPath, supported)];
}

function validateSubscript(field: string, key: string, path: FieldPath): FieldError[] {
  const checked = field === 'metadata.annotations' ? key.toLowerCase() : key;
  return invalidFor(isQualifiedName(checked), key, path);
}

/** Labels that a pod's field selector knows: anything else cannot be a fieldPath at all. */
const CONVERTIBLE = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.hostNetwork',
  'spec.host',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
  'status.nominatedNodeName',
]);

function isConvertible(fieldPath: string): boolean {
  return CONVERTIBLE.has(fieldPath);
}

const RESOURCE_FIELDS = ['cpu', 'ephemeral-storage', 'memory'].flatMap((name) => [
  `limits.${name}`,
  `requests.${name}`,
]);

/** `volume`: in a volume the container must be named. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, path: FieldPath, volume: boolean): FieldError[] {
  if (volume && !ref.containerName) return [required(path.at('containerName'))];
  if (!ref.resource) return [required(path.at('resource'))];
  const hugepages = /^(limits|requests)\.hugepages-/.test(ref.resource);
  if (!hugepages && !RESOURCE_FIELDS.includes(ref.resource)) {
    return [notSupported(path.at('resource'), ref.resource, RESOURCE_FIELDS)];
  }
  return validateDivisor(ref.resource, ref.divisor, path.at('divisor'));
}

function validateKeyRef(ref: { readonly name?: string; readonly key: string }, path: FieldPath): FieldError[] {
  return [
    ...invalidFor(isDnsSubdomain(ref.name ?? '', false), ref.name ?? '', path.at('name')),
    ...(ref.key ? invalidFor(isConfigMapKey(ref.key), ref.key, path.at('key')) : [required(path.at('key'))]),
  ];
}

function validateFileKeyRef(ref: FileKeySelector, path: FieldPath, scope: PodScope): FieldError[] {
  const errors: FieldError[] = [];
  if (ref.key) errors.push(...invalidFor(isEnvVarName(ref.key), ref.key, path.at('key')));
  else errors.push(required(path.at('key')));
  const at = path.at('volumeName');
  if (!ref.volumeName) errors.push(required(at));
  else errors.push(...invalidFor(isDnsLabel(ref.volumeName, false), ref.volumeName, at));
  const volume = scope.volumes.get(ref.volumeName);
  if (!volume) errors.push(notFound(at, ref.volumeName ?? ''));
  else if (!volume.emptyDir) errors.push(invalid(at, ref.volumeName, 'must refer to an emptyDir volume'));
  if (ref.path) errors.push(...validateNoBacksteps(ref.path, path.at('path')));
  else errors.push(required(path.at('path')));
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: FieldPath): FieldError[] {
  return eachItem(sources, path, (source, at) => {
    const errors = source.prefix ? invalidFor(isEnvVarName(source.prefix), source.prefix, at.at('prefix')) : [];
    const given = (['configMapRef', 'secretRef'] as const).filter((field) => source[field]);
    for (const field of given) errors.push(...validateEnvFromName(source[field]?.name, at.at(field)));
    if (given.length === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (given.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}

function validateEnvFromName(name: string | undefined, path: FieldPath): FieldError[] {
  return name ? invalidFor(isDnsSubdomain(name, false), name, path.at('name')) : nonEmpty(name, path.at('name'));
}
