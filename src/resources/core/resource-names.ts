import { type FieldError, type FieldPath, invalid } from '#machinery/field-error.ts';
import { isQuantity, milliValue, parseQuantity, type Quantity } from '#machinery/quantity.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';

/** Names of resources, and what a quantity of each may be. Source: core/v1 API, ResourceName. */

const STANDARD = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'requests.storage',
  'storage',
  'services.nodeports',
  'services.loadbalancers',
]);

const INTEGER = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

export function isQuotaHugePages(name: string): boolean {
  return name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');
}

/** The size in `hugepages-2Mi`; undefined where it is no quantity. */
export function pageSize(name: string): Quantity | undefined {
  const text = name.slice('hugepages-'.length);
  return isQuantity(text) ? parseQuantity(text) : undefined;
}

/** Names without a domain, and those of the domain of Kubernetes itself. */
export function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Names of devices and the like: a domain of somebody else, and short enough to stand in a quota. */
export function isExtended(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return isQualifiedName(`requests.${name}`).length === 0;
}

export function isStandard(name: string): boolean {
  return STANDARD.has(name) || isQuotaHugePages(name);
}

/** A qualified name; one without a domain must be of the standard ones. */
export function resourceName(name: string, path: FieldPath): FieldError[] {
  const messages = isQualifiedName(name);
  if (messages.length > 0) return invalidFor(messages, name, path);
  if (name.includes('/') || isStandard(name)) return [];
  return [invalid(path, name, 'must be a standard resource type or fully qualified')];
}

export function nonNegativeQuantity(text: string, path: FieldPath): FieldError[] {
  return parseQuantity(text).nanos < 0n ? [invalid(path, text, 'must be greater than or equal to 0')] : [];
}

/** Not negative, and whole where the resource is counted. */
export function quantityErrors(name: string, text: string, path: FieldPath): FieldError[] {
  const errors = nonNegativeQuantity(text, path);
  if ((INTEGER.has(name) || isExtended(name)) && milliValue(parseQuantity(text)) % 1000n !== 0n) {
    errors.push(invalid(path, text, 'must be an integer'));
  }
  return errors;
}
