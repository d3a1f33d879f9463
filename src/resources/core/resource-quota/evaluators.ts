import type { KubeObject } from '#machinery/object.ts';
import { parseQuantity, type Quantity, quantityOf } from '#machinery/quantity.ts';
import type { GroupResource } from '#machinery/status.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '#machinery/types/core-v1.ts';
import type { ResourceClaim } from '#machinery/types/resource-v1.ts';
import { type Amounts, most, sum } from '#machinery/amounts.ts';
import { isPodResource, missingFrom, podUsage } from './pod-usage.ts';
import { claimMatches, podMatches, type Scope, scopesOf } from './scopes.ts';

/** How objects of one resource are charged to quotas. Source: "Resource Quotas". */
export interface Evaluator {
  /** Whether a name in a quota is about these objects. */
  charges(name: string): boolean;
  usage(object: KubeObject, now: number): Amounts;
  /** Absent: a quota with scopes does not concern these objects. */
  matches?(object: KubeObject, scope: Scope): boolean;
  /** Says what a new object leaves open of the `limited` names that it has to say. */
  missing?(object: KubeObject, limited: readonly string[]): string | undefined;
  /** Subresource through which an update changes the usage; undefined: none does. */
  readonly updatedThrough?: string;
}

const ONE = quantityOf(1);
/** Counted under their bare name too, as in the days before `count/`. */
const COUNTED_BARE = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets']);
const STORAGE_CLASS = '.storageclass.storage.k8s.io/';
const DEVICE_CLASS = '.deviceclass.resource.k8s.io/devices';
/** A request for all devices of a class may get this many. */
const MOST_DEVICES = 32;

// each is found by the resource of its objects, so the objects are of that kind
const EVALUATORS: Readonly<Record<string, Evaluator>> = {
  pods: {
    charges: isPodResource,
    usage: (object, now) => podUsage(object as Pod, now),
    matches: (object, scope) => podMatches(object as Pod, scope),
    missing: (object, limited) => missingFrom(object as Pod, limited),
    updatedThrough: 'resize',
  },
  services: {
    charges: (name) => /^(count\/services|services|services\.nodeports|services\.loadbalancers)$/.test(name),
    usage: (object) => serviceUsage(object as Service),
    updatedThrough: '',
  },
  persistentvolumeclaims: {
    charges: (name) =>
      ['count/persistentvolumeclaims', 'persistentvolumeclaims', 'requests.storage'].includes(name) ||
      name.endsWith(`${STORAGE_CLASS}persistentvolumeclaims`) ||
      name.endsWith(`${STORAGE_CLASS}requests.storage`),
    usage: (object) => claimUsage(object as PersistentVolumeClaim),
    matches: (object, scope) => claimMatches(object as PersistentVolumeClaim, scope),
    updatedThrough: '',
  },
  'resourceclaims.resource.k8s.io': {
    charges: (name) => name === 'count/resourceclaims.resource.k8s.io' || name.endsWith(DEVICE_CLASS),
    usage: (object) => deviceUsage(object as ResourceClaim),
    updatedThrough: '',
  },
};

function nameOf({ group, resource }: GroupResource): string {
  return group ? `${resource}.${group}` : resource;
}

export function evaluatorOf(resource: GroupResource): Evaluator {
  const name = nameOf(resource);
  const own = Object.hasOwn(EVALUATORS, name) ? EVALUATORS[name] : undefined;
  if (own) return own;
  const names = [`count/${name}`, ...(COUNTED_BARE.has(name) ? [name] : [])];
  const usage: Amounts = new Map(names.map((counted) => [counted, ONE]));
  return { charges: (asked) => names.includes(asked), usage: () => usage };
}

/** The resource that a name in a quota is about; undefined for a name that nobody charges. */
export function resourceCharged(name: string): GroupResource | undefined {
  const special = Object.entries(EVALUATORS).find(([, evaluator]) => evaluator.charges(name));
  const counted = special?.[0] ?? (name.startsWith('count/') ? name.slice('count/'.length) : name);
  if (!special && !name.startsWith('count/') && !COUNTED_BARE.has(name)) return undefined;
  const dot = counted.indexOf('.');
  return dot < 0
    ? { group: '', resource: counted }
    : { group: counted.slice(dot + 1), resource: counted.slice(0, dot) };
}

/** Whether all scopes of a quota match an object. */
export function concerns({ spec }: ResourceQuota, evaluator: Evaluator, object: KubeObject): boolean {
  return scopesOf(spec ?? {}).every((scope) => evaluator.matches?.(object, scope) ?? false);
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec.ports ?? [];
  const usage = new Map<string, Quantity>([
    ['count/services', ONE],
    ['services', ONE],
  ]);
  if (spec.type === 'NodePort') usage.set('services.nodeports', quantityOf(ports.length));
  if (spec.type === 'LoadBalancer') {
    const allocated = spec.allocateLoadBalancerNodePorts ?? true;
    const count = allocated ? ports.length : ports.filter(({ nodePort }) => nodePort).length;
    usage.set('services.loadbalancers', ONE).set('services.nodeports', quantityOf(count));
  }
  return usage;
}

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Amounts {
  const storageClass = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName;
  const usage = new Map<string, Quantity>([
    ['count/persistentvolumeclaims', ONE],
    ['persistentvolumeclaims', ONE],
  ]);
  if (storageClass) usage.set(`${storageClass}${STORAGE_CLASS}persistentvolumeclaims`, ONE);
  const sizes = [spec.resources?.requests?.['storage'], status?.allocatedResources?.['storage']]
    .filter((text) => text !== undefined)
    .map((text): Amounts => new Map([['requests.storage', parseQuantity(text)]]));
  // a growth that was taken back counts until the volume says so (KEP-1790)
  const size = sizes.reduce(most, new Map()).get('requests.storage');
  if (!size) return usage;
  usage.set('requests.storage', size);
  if (storageClass) usage.set(`${storageClass}${STORAGE_CLASS}requests.storage`, size);
  return usage;
}

interface DeviceRequest {
  readonly deviceClassName?: string;
  readonly allocationMode?: string;
  readonly count?: number | bigint;
}

function deviceUsage({ spec }: ResourceClaim): Amounts {
  let usage: Amounts = new Map([['count/resourceclaims.resource.k8s.io', ONE]]);
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    // of alternatives any may be taken: the most of each class counts
    const alternatives = firstAvailable.map(devicesOf).reduce(most, new Map());
    usage = sum(usage, exactly ? devicesOf(exactly) : alternatives);
  }
  return usage;
}

function devicesOf({ deviceClassName = '', allocationMode, count = 1 }: DeviceRequest): Amounts {
  const devices = allocationMode === 'All' ? MOST_DEVICES : count;
  return new Map([[`${deviceClassName}${DEVICE_CLASS}`, quantityOf(devices)]]);
}
