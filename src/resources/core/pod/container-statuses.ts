import {
  duplicate,
  type FieldError,
  FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import type { ContainerStatus, Pod } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, nonNegative } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';

const STATUS = FieldPath.of('status');
const HEALTH = ['Healthy', 'Unhealthy', 'Unknown'];

/** What a status tells of devices and of who a container runs as. Source: KEP-4680, KEP-3619, KEP-4381. */
export function validateStatusDetails(pod: Pod): FieldError[] {
  return [
    ...(['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const).flatMap((list) =>
      eachItem(pod.status?.[list], STATUS.at(list), (status, at) => [
        ...validateAllocated(status, pod, at.at('allocatedResourcesStatus')),
        ...validateUser(status, pod, at.at('user')),
      ]),
    ),
    ...validateClaimStatuses(pod),
    ...validateExtendedClaim(pod),
  ];
}

function validateAllocated(
  { name: container, allocatedResourcesStatus }: ContainerStatus,
  { spec }: Pod,
  path: FieldPath,
): FieldError[] {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const resources = containers.find(({ name }) => name === container)?.resources;
  const known: Readonly<Record<string, string>> = { ...resources?.requests, ...resources?.limits };
  return eachItem(allocatedResourcesStatus, path, (each, at) => {
    const errors: FieldError[] = [];
    if (!each.name.startsWith('claim:') && known[each.name] === undefined) {
      errors.push(invalid(at.at('name'), each.name, "must match one of the container's resource requirements"));
    }
    const ids = new Set<string>();
    errors.push(
      ...eachItem(each.resources, at.at('resources'), ({ health, resourceID }, healthPath) => {
        const found: FieldError[] = [];
        if (ids.has(resourceID)) found.push(duplicate(healthPath.at('resourceID'), resourceID));
        ids.add(resourceID);
        if (health && !HEALTH.includes(health)) found.push(notSupported(healthPath.at('health'), health, HEALTH));
        return found;
      }),
    );
    return errors;
  });
}

function validateUser({ user }: ContainerStatus, pod: Pod, path: FieldPath): FieldError[] {
  if (!user?.linux) return [];
  const at = path.at('linux');
  if (pod.spec.os?.name === 'windows') return [forbidden(at, 'cannot be set for a windows pod')];
  return [
    ...nonNegative(user.linux.uid, at.at('uid')),
    ...nonNegative(user.linux.gid, at.at('gid')),
    ...eachItem(user.linux.supplementalGroups, at.at('supplementalGroups'), nonNegative),
  ];
}

function validateClaimStatuses({ spec, status }: Pod): FieldError[] {
  const names = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  return eachItem(
    status?.resourceClaimStatuses,
    STATUS.at('resourceClaimStatuses'),
    ({ name, resourceClaimName }, at) => {
      const errors: FieldError[] = [];
      if (seen.has(name)) errors.push(duplicate(at.at('name'), name));
      seen.add(name);
      if (!names.has(name))
        errors.push(invalid(at.at('name'), name, 'must match the name of an entry in `spec.resourceClaims`'));
      if (resourceClaimName !== undefined) {
        errors.push(
          ...invalidFor(isDnsSubdomain(resourceClaimName, false), resourceClaimName, at.at('resourceClaimName')),
        );
      }
      return errors;
    },
  );
}

function validateExtendedClaim({ spec, status }: Pod): FieldError[] {
  const claim = status?.extendedResourceClaimStatus;
  if (!claim) return [];
  const path = STATUS.at('extendedResourceClaimStatus');
  const containers = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const mappings = claim.requestMappings ?? [];
  return [
    ...(mappings.length === 0 ? [required(path.at('requestMappings'))] : []),
    ...(claim.resourceClaimName
      ? invalidFor(
          isDnsSubdomain(claim.resourceClaimName, false),
          claim.resourceClaimName,
          path.at('resourceClaimName'),
        )
      : [required(path.at('resourceClaimName'))]),
    ...eachItem(mappings, path.at('requestMappings'), ({ containerName, requestName }, at) => [
      ...(containers.has(containerName)
        ? []
        : [
            invalid(
              at.at('containerName'),
              containerName,
              'must match the name of an entry in `spec.initContainers` or `spec.containers`',
            ),
          ]),
      ...(requestName ?? '')
        .split('/')
        .flatMap((part) => invalidFor(isDnsLabel(part, false), requestName, path.at('requestName'))),
    ]),
  ];
}
