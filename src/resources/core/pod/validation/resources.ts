import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import { compareQuantities, parseQuantity, showQuantity } from '#machinery/quantity.ts';
import type {
  Container,
  EphemeralContainer,
  PodResourceClaim,
  PodSpec,
  ResourceClaim,
  ResourceRequirements,
} from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { isExtended, isHugePages, isNative, pageSize, quantityErrors, resourceName } from '../../resource-names.ts';
import { containerAmounts } from '../pod-amounts.ts';
import type { PodScope } from './options.ts';

type ResourceList = Readonly<Record<string, string>> | undefined;

function entriesOf(list: ResourceList): readonly (readonly [string, string])[] {
  return Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Requests and limits of one container. */
export function validateContainerResources(
  resources: ResourceRequirements | undefined,
  path: FieldPath,
  scope: PodScope,
): FieldError[] {
  if (!resources) return [];
  return [
    ...validateRequirements(resources, path, containerResourceName),
    ...validateClaimUse(resources.claims, path.at('claims'), scope),
  ];
}

export function validateRequirements(
  { limits, requests }: ResourceRequirements,
  path: FieldPath,
  checkName: (name: string, path: FieldPath) => FieldError[],
): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['limits', 'requests'] as const) {
    for (const [name, text] of entriesOf(field === 'limits' ? limits : requests)) {
      const at = path.at(field).key(name);
      errors.push(...checkName(name, at), ...quantityErrors(name, text, at));
      if (field === 'requests') errors.push(...requestWithinLimit(name, text, limits, path));
      if (isHugePages(name)) errors.push(...wholePages(name, text, at));
    }
  }
  const names = [...Object.keys(limits ?? {}), ...Object.keys(requests ?? {})];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  }
  return errors;
}

export function containerResourceName(name: string, path: FieldPath): FieldError[] {
  const errors = resourceName(name, path);
  if (!name.includes('/')) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || isHugePages(name)) return errors;
    return [...errors, invalid(path, name, 'must be a standard resource for containers')];
  }
  if (!isNative(name) && !isExtended(name)) {
    return [...errors, invalid(path, name, "doesn't follow extended resource name standard")];
  }
  return errors;
}

/** Extended resources and huge pages cannot be overcommitted: limit and request must be the same. */
function requestWithinLimit(name: string, text: string, limits: ResourceList, path: FieldPath): FieldError[] {
  const limit = limits?.[name];
  const overcommit = isNative(name) && !isHugePages(name);
  if (limit === undefined) {
    return overcommit ? [] : [required(path.at('limits'), 'Limit must be set for non overcommitable resources')];
  }
  const order = compareQuantities(parseQuantity(text), parseQuantity(limit));
  if (order !== 0 && !overcommit) {
    return [invalid(path.at('requests'), text, `must be equal to ${name} limit of ${limit}`)];
  }
  return order > 0
    ? [invalid(path.at('requests'), text, `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}

function wholePages(name: string, text: string, path: FieldPath): FieldError[] {
  const size = pageSize(name);
  if (!size) return [invalid(path, text, `invalid hugepage size in ${name}`)];
  const { nanos } = parseQuantity(text);
  if (nanos < 0n || nanos % size.nanos === 0n) return [];
  return [invalid(path, text, `${text} is not positive integer multiple of ${showQuantity(size)}`)];
}

function validateClaimUse(
  claims: readonly ResourceClaim[] | undefined,
  path: FieldPath,
  scope: PodScope,
): FieldError[] {
  const seen = new Set<string>();
  const whole = new Set<string>();
  return eachItem(claims, path, ({ name, request }, at) => {
    if (!name) return [required(at)];
    const key = request ? `${name}/${request}` : name;
    const errors: FieldError[] = [];
    if (
      seen.has(key) ||
      (request && whole.has(name)) ||
      (!request && [...seen].some((other) => other.startsWith(`${name}/`)))
    ) {
      errors.push(duplicate(at, key));
    } else {
      seen.add(key);
      if (!request) whole.add(name);
    }
    if (!scope.claims.has(name)) errors.push(notFound(at, name));
    if (request) errors.push(...invalidFor(isDnsLabel(request, false), request, at.at('request')));
    return errors;
  });
}

const RESIZE_RESOURCES = ['cpu', 'memory'];
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer'];

/** How a container takes a resize. Source: KEP-1287. */
export function validateResizePolicy(
  container: Pick<Container | EphemeralContainer, 'resizePolicy' | 'restartPolicy'>,
  path: FieldPath,
  { spec }: PodScope,
): FieldError[] {
  const seen = new Set<string>();
  return (container.resizePolicy ?? []).flatMap((policy, index) => {
    const errors: FieldError[] = [];
    if (seen.has(policy.resourceName)) errors.push(duplicate(path.index(index), policy.resourceName));
    seen.add(policy.resourceName);
    if (!policy.resourceName) errors.push(required(path));
    else if (!RESIZE_RESOURCES.includes(policy.resourceName)) {
      errors.push(notSupported(path, policy.resourceName, RESIZE_RESOURCES));
    }
    if (!policy.restartPolicy) errors.push(required(path));
    else if (!RESIZE_POLICIES.includes(policy.restartPolicy)) {
      errors.push(notSupported(path, policy.restartPolicy, RESIZE_POLICIES));
    }
    if (spec.restartPolicy === 'Never' && policy.restartPolicy === 'RestartContainer') {
      errors.push(invalid(path, policy.restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    }
    return errors;
  });
}

/** Claims of devices that the pod's containers share. Source: KEP-4381. */
export function validatePodClaims(claims: readonly PodResourceClaim[] | undefined, path: FieldPath): FieldError[] {
  const names = new Set<string>();
  return eachItem(claims, path, (claim, at) => {
    const errors: FieldError[] = [];
    if (names.has(claim.name)) errors.push(duplicate(at.at('name'), claim.name));
    names.add(claim.name);
    if (!claim.name) errors.push(required(at.at('name')));
    else errors.push(...invalidFor(isDnsLabel(claim.name, false), claim.name, at.at('name')));
    const { resourceClaimName, resourceClaimTemplateName } = claim;
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      errors.push(
        invalid(at, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'),
      );
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.push(invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    }
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const name = claim[field];
      if (name !== undefined) errors.push(...invalidFor(isDnsSubdomain(name, false), name, at.at(field)));
    }
    return errors;
  });
}

const POD_RESOURCES = ['cpu', 'memory', 'hugepages-'];

function podResourceName(name: string, path: FieldPath): FieldError[] {
  const errors = resourceName(name, path);
  if (errors.length > 0) return errors;
  return name === 'cpu' || name === 'memory' || isHugePages(name) ? [] : [notSupported(path, name, POD_RESOURCES)];
}

/** Resources of the pod as a whole. Source: KEP-2837. */
export function validatePodLevelResources(spec: PodSpec, path: FieldPath, scope: PodScope): FieldError[] {
  const { resources } = spec;
  if (!resources) return [];
  const errors: FieldError[] = [];
  if (spec.os?.name === 'windows') errors.push(forbidden(path, 'cannot be set for windows pods'));
  if ((resources.claims ?? []).length > 0) {
    errors.push(forbidden(path.at('claims'), 'claims may not be set for Resources at pod-level'));
  }
  return [
    ...errors,
    ...validateClaimUse(resources.claims, path.at('claims'), scope),
    ...validateRequirements(resources, path, podResourceName),
    ...requestsCoverContainers(spec, resources, path.at('requests')),
    ...limitsCoverContainers(spec, resources, path),
  ];
}

function requestsCoverContainers(spec: PodSpec, { requests }: ResourceRequirements, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const asked = containerAmounts(spec, 'requests');
  for (const [name, text] of entriesOf(requests)) {
    const sum = asked.get(name);
    if (sum && compareQuantities(sum, parseQuantity(text)) > 0) {
      errors.push(
        invalid(
          path.key(name),
          text,
          `must be greater than or equal to aggregate container requests of ${showQuantity(sum)}`,
        ),
      );
    }
  }
  return errors;
}

function limitsCoverContainers(spec: PodSpec, { limits }: ResourceRequirements, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const together = containerAmounts(spec, 'limits');
  for (const [name, text] of entriesOf(limits)) {
    const limit = parseQuantity(text);
    const sum = isHugePages(name) ? together.get(name) : undefined;
    if (sum && compareQuantities(sum, limit) > 0) {
      errors.push(
        invalid(
          path.at('limits').key(name),
          text,
          `must be greater than or equal to aggregate container limits of ${showQuantity(sum)}`,
        ),
      );
    }
    for (const [index, container] of (spec.containers ?? []).entries()) {
      const own = container.resources?.limits?.[name];
      if (own !== undefined && compareQuantities(parseQuantity(own), limit) > 0) {
        errors.push(
          invalid(
            path.at('containers').index(index).key(name).at('limits'),
            own,
            `must be less than or equal to pod limits of ${text}`,
          ),
        );
      }
    }
  }
  return errors;
}

export function validateOverhead(overhead: ResourceList, path: FieldPath): FieldError[] {
  return overhead
    ? validateRequirements({ limits: overhead }, path, containerResourceName).map((error) => ({
        ...error,
        field: error.field.replace('.limits[', '['),
      }))
    : [];
}
