import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { FieldPath, invalid } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import { invalidError } from '#machinery/status.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import { keepAllocated } from '#resources/core/service/type-change.ts';
import type { ServedResource, WriteHook } from '../registry/registry.ts';
import { addressRange, familyOf, type IpFamily } from './address-range.ts';
import {
  AddressUnavailable,
  addressesOf,
  ClusterIps,
  type ClusterIpsOptions,
  nameOf,
  type ServiceName,
} from './cluster-ips.ts';
import { linkClusterIps, settleFamilies } from './ip-families.ts';
import { NodePorts, type PortOperation } from './node-ports.ts';
import { maintainAddresses } from './repair.ts';
import { portsForCreate, portsForUpdate } from './service-ports.ts';

export interface ServiceAddressesOptions extends ClusterIpsOptions {
  readonly services: () => ServedResource;
  /** Ranges that the cluster was made with; they say which families it has and which is the default. */
  readonly serviceCidrs: readonly string[];
  /** For timestamps. */
  readonly apiClock: Clock;
  /** For the time between two repairs. */
  readonly ioClock: Clock;
  readonly log: Logger;
}

export interface ServiceAddresses {
  readonly hook: WriteHook;
  /** Puts right what crashes and older versions left behind, now and from time to time. Ends with the signal. */
  maintain(signal: AbortSignal): Promise<void>;
}

/** Gives services their cluster addresses and node ports. Source: core/v1 Service, KEP-1880, KEP-563. */
export function serviceAddresses(options: ServiceAddressesOptions): ServiceAddresses {
  const clusterIps = new ClusterIps(options);
  return {
    hook: serviceHook(clusterIps, options),
    maintain: (signal) => maintainAddresses({ ...options, clusterIps }, signal),
  };
}

function serviceHook(clusterIps: ClusterIps, options: ServiceAddressesOptions): WriteHook {
  const nodePorts = new NodePorts({ services: () => options.services().storage.cache, random: options.random });
  const families = options.serviceCidrs.flatMap((cidr) => addressRange(cidr)?.family ?? []);
  return {
    group: '',
    resource: 'services',
    async before(draft, old, { dryRun }) {
      const service = draft as Draft<Service>; // services hold services
      const before = old as Service | undefined;
      if (before) keepAllocated(service, before);
      linkClusterIps(service, before);
      settleFamilies(service, before, families);
      await using taken = new Taken(clusterIps, nameOf(service), nodePorts.operation(dryRun));
      const released = await settleAddresses(service, before, taken, dryRun);
      if (before) portsForUpdate(service, before, taken.ports);
      else portsForCreate(service, taken.ports);
      return taken.handOver(released);
    },
    async deleted(old) {
      const service = old as Service;
      for (const address of addressesOf(service)) await clusterIps.release(nameOf(service), address);
    },
  };
}

/** What one write has taken, given back unless it is handed over to the registry. */
class Taken implements AsyncDisposable {
  readonly ports: PortOperation;
  readonly #clusterIps: ClusterIps;
  readonly #service: ServiceName;
  #addresses: string[] = [];
  #handedOver = false;

  constructor(clusterIps: ClusterIps, service: ServiceName, ports: PortOperation) {
    this.#clusterIps = clusterIps;
    this.#service = service;
    this.ports = ports;
  }

  /** Takes `wanted`, or any address of the family where it is empty. Throws AddressUnavailable. */
  async address(wanted: string, family: IpFamily, dryRun: boolean): Promise<string> {
    if (wanted) await this.#clusterIps.take(this.#service, wanted, dryRun);
    const address = wanted || (await this.#clusterIps.next(this.#service, family, dryRun));
    if (!dryRun) this.#addresses.push(address);
    return address;
  }

  /** `released`: what the service had and gives up if it is written. */
  handOver(released: readonly string[]) {
    this.#handedOver = true;
    return {
      committed: async () => {
        this.ports[Symbol.dispose]();
        await this.#release(released);
      },
      rolledBack: async () => {
        this.ports[Symbol.dispose]();
        await this.#release(this.#addresses);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#handedOver) return;
    this.ports[Symbol.dispose]();
    await this.#release(this.#addresses);
  }

  async #release(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) await this.#clusterIps.release(this.#service, address);
  }
}

/** Takes the addresses that the service lacks; answers with those that it no longer has. Throws StatusError 422. */
async function settleAddresses(
  draft: Draft<Service>,
  old: Service | undefined,
  taken: Taken,
  dryRun: boolean,
): Promise<readonly string[]> {
  const { spec } = draft;
  const had = old ? addressesOf(old) : [];
  if (spec.type === 'ExternalName') return had;
  if (spec.clusterIPs?.[0] === 'None' || (old?.spec.type !== 'ExternalName' && old?.spec.clusterIP === 'None'))
    return [];
  const wanted = spec.clusterIPs ?? [];
  const families = spec.ipFamilies ?? [];
  if (had.length > 0 && had.length <= wanted.length && families.length === had.length) return [];
  const addresses: string[] = had.length > 0 ? wanted.slice(0, had.length) : [];
  for (const family of families.slice(addresses.length)) {
    const asked = wanted[addresses.length] ?? '';
    addresses.push(await addressFor(draft, { asked, family: family === 'IPv6' ? 'IPv6' : 'IPv4', taken, dryRun }));
  }
  spec.clusterIPs = addresses;
  spec.clusterIP = addresses[0] ?? '';
  return had.filter((address) => familyIsGone(address, families));
}

interface AddressRequest {
  readonly asked: string;
  readonly family: IpFamily;
  readonly taken: Taken;
  readonly dryRun: boolean;
}

async function addressFor(
  { metadata, spec }: Draft<Service>,
  { asked, family, taken, dryRun }: AddressRequest,
): Promise<string> {
  try {
    return await taken.address(asked, family, dryRun);
  } catch (error) {
    if (!(error instanceof AddressUnavailable)) throw error;
    const what = asked ? `failed to allocate IP ${asked}` : 'failed to allocate a serviceIP';
    const detail = `${what}: ${error.message}`;
    const problem = invalid(FieldPath.of('spec', 'clusterIPs'), spec.clusterIPs ?? [], detail);
    throw invalidError('', 'Service', metadata.name ?? '', [problem]);
  }
}

function familyIsGone(address: string, families: readonly string[]): boolean {
  return !families.includes(familyOf(address));
}
