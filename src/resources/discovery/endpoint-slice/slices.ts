import type { Node, Pod, Service } from '#machinery/types/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { controllerReference } from '#reconciler/owners.ts';
import { isPodReady } from '#reconciler/pods.ts';
import {
  type AddressFamily,
  addressesOf,
  canServe,
  familiesOf,
  hostnameIn,
  isHeadless,
  portsOn,
} from './service-pods.ts';

/** Upstream's --max-endpoints-per-slice. */
export const MAX_ENDPOINTS = 100;

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
const ZONE = 'topology.kubernetes.io/zone';

/** A slice as it should be; without a name where it is to be created. */
export type WantedSlice = Omit<EndpointSlice, 'apiVersion' | 'kind'>;

export interface SlicePlan {
  readonly create: readonly WantedSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

export interface SliceInput {
  readonly service: Service;
  /** The pods that its selector selects. */
  readonly pods: readonly Pod[];
  readonly nodeOf: (name: string) => Node | undefined;
  /** Those of this controller that the service has. */
  readonly slices: readonly EndpointSlice[];
}

/**
 * How a service's slices must change so that they show its pods. Endpoints stay in their slice as long as they can, so
 * that a change of one pod rewrites one slice. Pure. Source: KEP-752, discovery/v1 API.
 */
export function planSlices(input: SliceInput): SlicePlan {
  const plan = { create: [] as WantedSlice[], update: [] as EndpointSlice[], delete: [] as EndpointSlice[] };
  const families = familiesOf(input.service);
  const stale = input.slices.filter(({ addressType }) => !families.some((family) => family === addressType));
  plan.delete.push(...stale);
  for (const family of families) planFamily(input, family, plan);
  return plan;
}

interface MutablePlan {
  readonly create: WantedSlice[];
  readonly update: EndpointSlice[];
  readonly delete: EndpointSlice[];
}

function planFamily(input: SliceInput, family: AddressFamily, plan: MutablePlan): void {
  const groups = groupByPorts(input, family);
  const existing = input.slices.filter(({ addressType }) => addressType === family);
  const unused = existing.filter(({ ports }) => !groups.has(portsKey(ports)));
  for (const [key, { ports, endpoints }] of groups) {
    const own = existing.filter((slice) => portsKey(slice.ports) === key);
    for (const wanted of placeEndpoints(own, endpoints)) {
      const slice = wanted.slice ?? unused.pop();
      emit(input.service, { family, ports, endpoints: wanted.endpoints }, slice, plan);
    }
  }
  plan.delete.push(...unused);
}

interface Group {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

/** Endpoints that have the same ports; a service without endpoints has one group, which is empty. */
function groupByPorts({ service, pods, nodeOf }: SliceInput, family: AddressFamily): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, family, nodeOf);
    if (!endpoint) continue;
    const ports = portsOn(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpoint);
    groups.set(key, group);
  }
  if (groups.size === 0) groups.set(portsKey([]), { ports: [], endpoints: [] });
  return groups;
}

export function endpointOf(
  service: Service,
  pod: Pod,
  family: AddressFamily,
  nodeOf: SliceInput['nodeOf'],
): Endpoint | undefined {
  const addresses = addressesOf(pod, family);
  if (!canServe(pod) || addresses.length === 0) return undefined;
  const { nodeName } = pod.spec;
  const node = nodeName ? nodeOf(nodeName) : undefined;
  const publishes = service.spec.publishNotReadyAddresses === true;
  if (nodeName && !node && !publishes) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const hostname = hostnameIn(service, pod);
  const zone = node?.metadata.labels?.[ZONE];
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return {
    addresses,
    conditions: { ready: publishes || (serving && !terminating), serving, terminating },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(zone ? { zone } : {}),
  };
}

interface Placement {
  readonly slice: EndpointSlice | undefined;
  readonly endpoints: readonly Endpoint[];
}

/** Which endpoints go into which slice; a placement without a slice needs a new one. Slices that empty are kept out. */
function placeEndpoints(slices: readonly EndpointSlice[], wanted: readonly Endpoint[]): readonly Placement[] {
  const left = new Map(wanted.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const placements = slices.map((slice) => {
    const kept: Endpoint[] = [];
    let changed = false;
    for (const endpoint of slice.endpoints ?? []) {
      const key = endpointKey(endpoint);
      const next = left.get(key);
      left.delete(key);
      if (next) kept.push(next);
      changed ||= !next || !same(next, endpoint);
    }
    return { slice: slice as EndpointSlice | undefined, endpoints: kept, changed };
  });
  const rest = [...left.values()];
  // First where something is rewritten anyway, then the fullest slice that takes all that is left.
  for (const placement of placements.filter(({ changed }) => changed)) {
    placement.endpoints.push(...rest.splice(0, MAX_ENDPOINTS - placement.endpoints.length));
  }
  const fitting = placements
    .filter(({ endpoints }) => endpoints.length + rest.length <= MAX_ENDPOINTS)
    .toSorted((a, b) => b.endpoints.length - a.endpoints.length)[0];
  if (fitting) fitting.endpoints.push(...rest.splice(0));
  while (rest.length > 0) {
    placements.push({ slice: undefined, endpoints: rest.splice(0, MAX_ENDPOINTS), changed: true });
  }
  if (placements.length === 0) placements.push({ slice: undefined, endpoints: [], changed: true });
  return placements;
}

/** Turns a placement into a create, an update, a deletion of what is empty, or nothing. */
function emit(
  service: Service,
  {
    family,
    ports,
    endpoints,
  }: {
    readonly family: AddressFamily;
    readonly ports: readonly EndpointPort[];
    readonly endpoints: readonly Endpoint[];
  },
  slice: EndpointSlice | undefined,
  plan: MutablePlan,
): void {
  const labels = labelsOf(service);
  if (!slice) {
    plan.create.push({
      metadata: {
        generateName: `${service.metadata.name}-`,
        ...(service.metadata.namespace ? { namespace: service.metadata.namespace } : {}),
        labels,
        ownerReferences: [controllerReference(service)],
      },
      addressType: family,
      endpoints,
      ports,
    });
    return;
  }
  if (endpoints.length === 0 && ports.length > 0) {
    plan.delete.push(slice);
    return;
  }
  const isRight =
    same(slice.endpoints ?? [], endpoints) &&
    portsKey(slice.ports) === portsKey(ports) &&
    same(sortedEntries(slice.metadata.labels), sortedEntries(labels));
  if (!isRight) plan.update.push({ ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports });
}

/** The service's own labels, and those that make the slice known as its. */
function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    [SERVICE_NAME]: service.metadata.name ?? '',
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
  };
}

function endpointKey({ addresses, targetRef }: Endpoint): string {
  return targetRef?.uid ?? (addresses ?? []).join(',');
}

function portsKey(ports: readonly EndpointPort[] | null | undefined): string {
  const keys = (ports ?? []).map(({ name, port, protocol, appProtocol }) =>
    JSON.stringify([name ?? '', port, protocol, appProtocol]),
  );
  return keys.toSorted().join();
}

function sortedEntries(labels: Readonly<Record<string, string>> | undefined): unknown {
  return Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Compares what JSON shows, whatever the order of keys. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  const [left, right] = [entries(a), entries(b)];
  return left.length === right.length && left.every(([key, value]) => same(value, (b as Record<string, unknown>)[key]));
}

function entries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, inner]) => inner !== undefined);
}
