import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { KubeObject } from '#machinery/object.ts';
import { parseTime } from '#machinery/time.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import type { IPAddress } from '#machinery/types/networking-v1.ts';
import { canonicalIp } from '#machinery/validation/net.ts';
import type { ResourceCache } from '../cache/cache.ts';
import type { ServedResource } from '../registry/registry.ts';
import {
  addressesOf,
  AddressUnavailable,
  type ClusterIps,
  isParent,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  nameOf,
  type ServiceName,
} from './cluster-ips.ts';

/** An address may be there before its service; after this long the service does not come any more. */
const GRACE_MS = 60_000;

const REPAIR_EVERY_MS = 180_000;
/** Objects that are read in one go; between two goes requests have their turn. */
const SCAN_CHUNK = 256;

interface MaintainOptions {
  readonly clusterIps: ClusterIps;
  readonly services: () => ServedResource;
  readonly addresses: () => ServedResource;
  readonly apiClock: Clock;
  readonly ioClock: Clock;
  readonly log: Logger;
}

/** Repairs until the signal ends it. A failure is logged and tried again the next time. */
export async function maintainAddresses(options: MaintainOptions, signal: AbortSignal): Promise<void> {
  const { ioClock, log } = options;
  while (!signal.aborted) {
    try {
      await repair(options);
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'the addresses of services cannot be repaired');
    }
    await ioClock.sleep(REPAIR_EVERY_MS, signal).catch(() => undefined); // aborted: the loop ends
  }
}

async function repair({ clusterIps, services, addresses, apiClock, log }: MaintainOptions): Promise<void> {
  const plan = planRepair(
    await readable<Service>(services().storage.cache),
    await readable<IPAddress>(addresses().storage.cache),
    apiClock.now(),
  );
  for (const { address, service } of plan.conflicts) {
    log.warn({ address, ...service }, 'a service has the address of another one: delete one of them');
  }
  for (const { address, service } of plan.create) {
    try {
      await clusterIps.take(service, address, false);
    } catch (error) {
      if (!(error instanceof AddressUnavailable)) throw error;
      log.warn({ address, ...service, reason: error.message }, 'a service has an address that it cannot have');
    }
  }
  for (const { address, service } of plan.release) await clusterIps.release(service, address);
}

/** The objects of a cache, without those that cannot be decoded: reading one of those says why. */
async function readable<T extends KubeObject>(cache: ResourceCache): Promise<readonly T[]> {
  const objects: T[] = [];
  let looked = 0;
  for (const entry of cache.current().scan()) {
    if (++looked % SCAN_CHUNK === 0) await new Promise(setImmediate);
    try {
      objects.push(entry.object() as T); // the caller names what the cache holds
    } catch {
      continue;
    }
  }
  return objects;
}

/** What is to be done so that services and IPAddress objects agree. */
interface RepairPlan {
  /** Addresses of services that no object stands for. */
  readonly create: readonly { readonly address: string; readonly service: ServiceName }[];
  /** Objects whose service is gone or has another address. */
  readonly release: readonly { readonly address: string; readonly service: ServiceName }[];
  /** Addresses of services that somebody else has: only an administrator can tell who is right. */
  readonly conflicts: readonly { readonly address: string; readonly service: ServiceName }[];
}

/** Compares all services with all addresses. `now` in milliseconds. */
export function planRepair(services: readonly Service[], addresses: readonly IPAddress[], now: number): RepairPlan {
  const byName = new Map(addresses.map((address) => [address.metadata.name ?? '', address]));
  const used = new Map<string, ServiceName>();
  const create: RepairPlan['create'][number][] = [];
  const conflicts: RepairPlan['conflicts'][number][] = [];
  for (const each of services) {
    const service = nameOf(each);
    for (const written of addressesOf(each)) {
      const address = canonicalIp(written) ?? written;
      const object = byName.get(address);
      if (used.has(address) || (object && !isParent(object, service))) conflicts.push({ address, service });
      else if (!object) create.push({ address, service });
      if (!used.has(address)) used.set(address, service);
    }
  }
  const release = addresses
    .filter((address) => isOrphan(address, used, now))
    .map(({ metadata, spec }) => ({
      address: metadata.name ?? '',
      service: { namespace: spec.parentRef.namespace ?? '', name: spec.parentRef.name },
    }));
  return { create, release, conflicts };
}

function isOrphan(address: IPAddress, used: ReadonlyMap<string, ServiceName>, now: number): boolean {
  const { metadata, spec } = address;
  if (metadata.labels?.[MANAGED_BY_LABEL] !== MANAGED_BY || spec.parentRef.resource !== 'services') return false;
  if (now - (parseTime(metadata.creationTimestamp) ?? now) < GRACE_MS) return false;
  const service = used.get(metadata.name ?? '');
  return !service || !isParent(address, service);
}
