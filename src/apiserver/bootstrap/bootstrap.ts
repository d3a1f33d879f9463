import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { KubeObject, Sparse } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import { apiService } from '#resources/apiregistration/api-service/api-service.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { endpoints } from '#resources/core/endpoints/endpoints.ts';
import { namespace } from '#resources/core/namespace/namespace.ts';
import { service } from '#resources/core/service/service.ts';
import { endpointSlice } from '#resources/discovery/endpoint-slice/endpoint-slice.ts';
import { flowSchema } from '#resources/flowcontrol/flow-schema/flow-schema.ts';
import { priorityLevelConfiguration } from '#resources/flowcontrol/priority-level-configuration/priority-level-configuration.ts';
import { serviceCIDR } from '#resources/networking/service-cidr/service-cidr.ts';
import { clusterRole } from '#resources/rbac/cluster-role/cluster-role.ts';
import { clusterRoleBinding } from '#resources/rbac/cluster-role-binding/cluster-role-binding.ts';
import { role } from '#resources/rbac/role/role.ts';
import { roleBinding } from '#resources/rbac/role-binding/role-binding.ts';
import { priorityClass } from '#resources/scheduling/priority-class/priority-class.ts';
import { defaultFlowSchemas, defaultPriorityLevels, FLOW_CONTROL_AUTOUPDATE } from './flow-control.ts';
import {
  firstServiceAddress,
  kubernetesEndpointSlice,
  kubernetesEndpoints,
  kubernetesService,
} from './kubernetes-service.ts';
import { planRbac } from './merge-rbac.ts';
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './rbac-objects.ts';
import {
  clusterInfo,
  defaultServiceCidr,
  extensionAuthentication,
  localApiServices,
  systemNamespaces,
  systemPriorityClasses,
} from './system-objects.ts';

export interface BootstrapOptions {
  /** `10.43.0.0/16`; one of each family at most, the first decides the address of the `kubernetes` Service. */
  readonly serviceCidrs: readonly string[];
  /** Where the server listens: the port behind the Service. */
  readonly port: number;
  /** Addresses of this server that pods can reach; none leaves the Service without endpoints. Loopback is refused by the API. */
  readonly advertiseAddresses: readonly string[];
  /** PEM of the authority that signs client certificates. */
  readonly clusterCa: string;
  /** PEM of the authority that signs the front proxy's certificate. */
  readonly frontProxyCa: string;
  /** URL that cluster-info names: `https://192.0.2.7:6443`. */
  readonly server: string;
}

/** What happens to an object that is there already. */
type Policy = 'leave' | 'rbac' | 'flowControl' | 'content' | 'configData';

interface Group<T extends KubeObject = KubeObject> {
  readonly resource: ResourceRef<T>;
  readonly objects: readonly Sparse<T>[];
  readonly policy: Policy;
  /** Status that goes with the object; written once, when it is made. */
  readonly status?: (now: string) => unknown;
}

/** Everything that is there before the first user comes, in the order in which it is needed. */
export function bootstrapObjects(options: BootstrapOptions): readonly (readonly Group[])[] {
  const { serviceCidrs, port, advertiseAddresses, clusterCa, frontProxyCa, server } = options;
  const [firstCidr = ''] = serviceCidrs;
  const reachable = advertiseAddresses.length > 0;
  return [
    [
      group(namespace, systemNamespaces(), 'leave'),
      group(serviceCIDR, [defaultServiceCidr(serviceCidrs)], 'leave', serviceCidrReady),
      group(priorityClass, systemPriorityClasses(), 'leave'),
      group(priorityLevelConfiguration, defaultPriorityLevels(), 'flowControl'),
      group(flowSchema, defaultFlowSchemas(), 'flowControl', flowSchemaFound),
      group(clusterRole, defaultClusterRoles(), 'rbac'),
      group(clusterRoleBinding, defaultClusterRoleBindings(), 'rbac'),
      group(apiService, localApiServices(), 'content', apiServiceLocal),
    ],
    [
      group(role, defaultRoles(), 'rbac'),
      group(roleBinding, defaultRoleBindings(), 'rbac'),
      group(
        configMap,
        [extensionAuthentication(clusterCa, frontProxyCa), clusterInfo(server, clusterCa)],
        'configData',
      ),
      group(service, [kubernetesService(firstServiceAddress(firstCidr), port)], 'leave'),
      group(endpoints, reachable ? [kubernetesEndpoints(advertiseAddresses, port)] : [], 'content'),
      group(endpointSlice, reachable ? [kubernetesEndpointSlice(advertiseAddresses, port)] : [], 'content'),
    ],
  ];
}

function group<T extends KubeObject>(
  resource: ResourceRef<T>,
  objects: readonly Sparse<T>[],
  policy: Policy,
  status?: Group['status'],
): Group {
  // groups of different kinds share a list; within one, objects are of the resource's kind
  return { resource, objects, policy, ...(status ? { status } : {}) } as unknown as Group;
}

/**
 * Makes what is missing and puts back what the defaults own; what is right already costs one list a resource. `client`
 * must be allowed everything (`system:masters`). Throws the first StatusError that is no race with another server.
 */
export async function reconcileBootstrap(client: Client, clock: Clock, options: BootstrapOptions): Promise<void> {
  for (const phase of bootstrapObjects(options)) {
    await Promise.all(phase.map((part) => reconcileGroup(client, clock, part)));
  }
}

/** How long to wait before a bootstrap that failed is tried again, at first and at most. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

/** Makes the first objects, again and again until they are there. Rejects only with the signal's reason. */
export async function bootstrap(client: Client, options: BootstrapOptions, keeping: Keeping): Promise<void> {
  const { apiClock, ioClock, log, signal } = keeping;
  for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(2 * delayMs, LAST_RETRY_MS)) {
    try {
      return await reconcileBootstrap(client, apiClock, options);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, delayMs }, 'the first objects cannot be made yet');
    }
    await ioClock.sleep(delayMs, signal);
  }
}

/** Upstream's interval. */
const ENDPOINTS_MS = 10_000;

interface Keeping {
  readonly apiClock: Clock;
  readonly ioClock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Puts the `kubernetes` Service and its endpoints back where somebody changed them, until the signal. Never rejects. */
export async function keepKubernetesEndpoints(
  client: Client,
  options: BootstrapOptions,
  { apiClock, ioClock, log, signal }: Keeping,
): Promise<void> {
  const parts = bootstrapObjects(options)
    .flat()
    .filter(({ resource }) => KUBERNETES_SERVICE.has(resource.plural));
  while (!signal.aborted) {
    await ioClock.sleep(ENDPOINTS_MS, signal).catch(() => undefined); // only an abort: the loop looks
    if (signal.aborted) return;
    await Promise.all(parts.map((part) => reconcileEach(client, apiClock, part))).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, 'the endpoints of the kubernetes Service cannot be kept');
    });
  }
}

const KUBERNETES_SERVICE = new Set(['services', 'endpoints', 'endpointslices']);

/** Reads each object by itself: its namespace may hold any number of others. */
async function reconcileEach(client: Client, clock: Clock, part: Group): Promise<void> {
  for (const wanted of part.objects) {
    const { name = '', namespace: within } = wanted.metadata ?? {};
    const old = await client.get(part.resource, name, within).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    await reconcileObject(client, clock, { part, wanted, old });
  }
}

async function reconcileGroup(client: Client, clock: Clock, part: Group): Promise<void> {
  if (part.objects.length === 0) return;
  const namespaces = new Set(part.objects.map((object) => object.metadata?.namespace));
  const lists = await Promise.all(
    [...namespaces].map((within) => client.list(part.resource, within ? { namespace: within } : {})),
  );
  const stored = new Map(lists.flatMap(({ items }) => items.map((item) => [keyOf(item), item] as const)));
  await Promise.all(
    part.objects.map((wanted) => reconcileObject(client, clock, { part, wanted, old: stored.get(keyOf(wanted)) })),
  );
}

interface Step {
  readonly part: Group;
  readonly wanted: Sparse<KubeObject>;
  readonly old: KubeObject | undefined;
}

async function reconcileObject(client: Client, clock: Clock, { part, wanted, old }: Step): Promise<void> {
  try {
    if (!old) return await make(client, clock, part, wanted);
    // whole objects: the tables name every field that the comparison reads
    const plan = planFor(part.policy, old, wanted as KubeObject);
    if (plan.action === 'update') await client.update(part.resource, plan.object);
    if (plan.action === 'recreate') {
      await client.delete(part.resource, old.metadata.name ?? '', old.metadata.namespace);
      await make(client, clock, part, wanted);
    }
  } catch (error) {
    // another server of the same cluster was quicker, with the same defaults
    if (!isStatus(error, 'AlreadyExists') && !isStatus(error, 'Conflict')) throw error;
  }
}

async function make(client: Client, clock: Clock, part: Group, wanted: Sparse<KubeObject>): Promise<void> {
  const made = await client.create(part.resource, wanted);
  if (!part.status) return;
  const withStatus: KubeObject & { status: unknown } = { ...made, status: part.status(formatTime(clock.now())) };
  await client.updateStatus(part.resource, withStatus);
}

function planFor(policy: Policy, old: KubeObject, wanted: KubeObject): ReturnType<typeof planRbac> {
  switch (policy) {
    case 'leave':
      return { action: 'keep' };
    case 'rbac':
      return planRbac(old, wanted);
    case 'flowControl':
      return old.metadata.annotations?.[FLOW_CONTROL_AUTOUPDATE] === 'false'
        ? { action: 'keep' }
        : replaceParts(old, wanted, ['spec']);
    case 'content':
      return replaceParts(old, wanted, ['spec', 'subsets', 'endpoints', 'ports']);
    case 'configData':
      return replaceParts(old, wanted, ['data']);
  }
}

/** Replaces top-level fields whose wanted content is not what is stored. Fields that the server adds do not count. */
function replaceParts(old: KubeObject, wanted: KubeObject, fields: readonly string[]): ReturnType<typeof planRbac> {
  const stored: Readonly<Record<string, unknown>> = { ...old };
  const fresh: Readonly<Record<string, unknown>> = { ...wanted };
  const changed = fields.filter((field) => field in fresh && !includesAll(stored[field], fresh[field]));
  if (changed.length === 0) return { action: 'keep' };
  return { action: 'update', object: { ...old, ...Object.fromEntries(changed.map((field) => [field, fresh[field]])) } };
}

/** Whether every field that `wanted` gives has that value in `stored`; lists must be equal item by item. */
function includesAll(stored: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(stored) &&
      stored.length === wanted.length &&
      wanted.every((item, at) => includesAll(stored[at], item))
    );
  }
  if (wanted !== null && typeof wanted === 'object') {
    if (stored === null || typeof stored !== 'object') return false;
    const there: Readonly<Record<string, unknown>> = { ...stored };
    return Object.entries(wanted).every(([key, value]) => value === undefined || includesAll(there[key], value));
  }
  return isDeepStrictEqual(stored, wanted);
}

function keyOf(object: Sparse<KubeObject>): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}

function serviceCidrReady(now: string): unknown {
  const message = 'Kubernetes default Service CIDR is ready';
  return { conditions: [{ type: 'Ready', status: 'True', reason: '', message, lastTransitionTime: now }] };
}

function flowSchemaFound(now: string): unknown {
  const message = 'This FlowSchema references the PriorityLevelConfiguration object that it names and it exists';
  return { conditions: [{ type: 'Dangling', status: 'False', reason: 'Found', message, lastTransitionTime: now }] };
}

function apiServiceLocal(now: string): unknown {
  const message = 'Local APIServices are always available';
  return { conditions: [{ type: 'Available', status: 'True', reason: 'Local', message, lastTransitionTime: now }] };
}
