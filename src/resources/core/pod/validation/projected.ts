import { type FieldError, type FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import type {
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '#machinery/types/core-v1.ts';
import { eachItem, nonEmpty } from '#machinery/validation/basics.ts';
import { validateNonReservedPath } from './paths.ts';
import { fileMode, validateDownwardItems, validateItems } from './volume-items.ts';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const KINDS = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'clusterTrustBundle',
  'podCertificate',
] as const;

/** Several sources in one directory: no file may come from two of them. */
export function validateProjected(source: ProjectedVolumeSource, path: FieldPath): FieldError[] {
  const files = new Set<string>();
  return [
    ...fileMode(source.defaultMode, path.at('defaultMode')),
    ...eachItem(source.sources, path.at('sources'), (projection, at) =>
      validateProjection(projection, at, files, path),
    ),
  ];
}

function validateProjection(
  projection: VolumeProjection,
  path: FieldPath,
  files: Set<string>,
  volumePath: FieldPath,
): FieldError[] {
  const given = KINDS.filter((kind) => projection[kind]);
  return given.flatMap((kind, index) =>
    index > 0
      ? [forbidden(path, 'may not specify more than 1 volume type')]
      : [
          ...checkProjection(projection, path, volumePath),
          ...pathsOf(projection).flatMap((file) => {
            if (!files.has(file)) {
              files.add(file);
              return [];
            }
            return [invalid(volumePath, name(projection), `conflicting duplicate paths`)];
          }),
        ],
  );
}

function name({ secret, configMap }: VolumeProjection): string {
  return secret?.name ?? configMap?.name ?? '';
}

function pathsOf(projection: VolumeProjection): readonly string[] {
  const { secret, configMap, downwardAPI, clusterTrustBundle, podCertificate } = projection;
  const items = secret?.items ?? configMap?.items ?? downwardAPI?.items ?? [];
  const single = [
    clusterTrustBundle?.path,
    podCertificate?.credentialBundlePath,
    podCertificate?.keyPath,
    podCertificate?.certificateChainPath,
  ];
  return [...items.map(({ path }) => path), ...single].filter((path): path is string => Boolean(path));
}

/** Errors about a token's path stand at the volume itself, as upstream has them. */
function checkProjection(projection: VolumeProjection, path: FieldPath, volumePath: FieldPath): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken } = projection;
  if (secret) {
    const at = path.at('secret');
    return [...nonEmpty(secret.name, at.at('name')), ...validateItems(secret.items, at.at('items'))];
  }
  if (configMap) {
    const at = path.at('configMap');
    return [...nonEmpty(configMap.name, at.at('name')), ...validateItems(configMap.items, at.at('items'))];
  }
  if (downwardAPI) return validateDownwardItems(downwardAPI.items, path.at('downwardAPI'));
  return serviceAccountToken ? validateToken(serviceAccountToken, path.at('serviceAccountToken'), volumePath) : [];
}

function validateToken(token: ServiceAccountTokenProjection, path: FieldPath, volumePath: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const seconds = token.expirationSeconds ?? 3600;
  if (seconds < MIN_TOKEN_SECONDS) {
    errors.push(invalid(path.at('expirationSeconds'), seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > MAX_TOKEN_SECONDS) {
    errors.push(invalid(path.at('expirationSeconds'), seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  errors.push(...nonEmpty(token.path, volumePath.at('path')));
  return [...errors, ...validateNonReservedPath(token.path ?? '', volumePath.at('path'))];
}
