import type { Randomness } from '#base/random.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { isStatus, StatusError } from '#machinery/status.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import type { IPAddress, ServiceCIDR } from '#machinery/types/networking-v1.ts';
import { canonicalIp } from '#machinery/validation/net.ts';
import { serviceCIDR } from '#resources/networking/service-cidr/service-cidr.ts';
import type { Listers } from '../listers.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import type { ServedResource, WriteRequest } from '../registry/registry.ts';
import { type AddressRange, addressRange, candidates, familyOf, holds, type IpFamily } from './address-range.ts';

const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family';
export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
export const MANAGED_BY = 'ipallocator.k8s.io';

/** Which service an address is for. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** Addresses that a stored service has; none where it is headless or has an external name. */
export function addressesOf({ spec }: Pick<Service, 'spec'>): readonly string[] {
  if (spec?.type === 'ExternalName') return [];
  const addresses = spec?.clusterIPs?.length ? spec.clusterIPs : [spec?.clusterIP ?? ''];
  return addresses.filter((address) => address !== '' && address !== 'None');
}

export function nameOf({ metadata }: Pick<Service, 'metadata'> | Draft<Service>): ServiceName {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

/** An address cannot be had; the message is part of what the client is told. */
export class AddressUnavailable extends Error {
  override readonly name = 'AddressUnavailable';
}

export interface ClusterIpsOptions {
  readonly listers: Listers;
  /** Where IPAddress objects are. */
  readonly addresses: () => ServedResource;
  readonly random: Randomness;
}

/**
 * Addresses of services: who has created the IPAddress object of that name has the address. So several servers agree
 * without a lock, and administrators see who has what. Source: KEP-1880.
 */
export class ClusterIps {
  readonly #options: ClusterIpsOptions;
  readonly #never = new AbortController();

  constructor(options: ClusterIpsOptions) {
    this.#options = options;
  }

  /** Takes one address. A dry run takes none and names the network's own. Throws AddressUnavailable. */
  async next(service: ServiceName, family: IpFamily, dryRun: boolean): Promise<string> {
    const ranges = this.#ranges().filter((range) => range.family === family);
    const { addresses, random } = this.#options;
    const [first] = ranges;
    if (dryRun && first) return first.cidr.slice(0, first.cidr.indexOf('/'));
    const { storage } = addresses();
    for (const range of ranges) {
      for (const address of candidates(range, () => random.fraction())) {
        if (!storage.get('', address) && (await this.#create(service, address))) return address;
      }
    }
    throw new AddressUnavailable('range is full');
  }

  /** Takes this address. A dry run only looks whether services may have it. Throws AddressUnavailable. */
  async take(service: ServiceName, address: string, dryRun: boolean): Promise<void> {
    if (!this.#ranges().some((range) => holds(range, address))) {
      throw new AddressUnavailable('the provided network does not match the current range');
    }
    if (!dryRun && !(await this.#create(service, address))) {
      throw new AddressUnavailable('provided IP is already allocated');
    }
  }

  /** Gives an address back, if the service has it. */
  async release(service: ServiceName, address: string): Promise<void> {
    const addresses = this.#options.addresses();
    const name = canonicalIp(address) ?? address;
    const current = addresses.storage.get('', name);
    if (!current || !isParent(current.object() as IPAddress, service)) return; // that cache holds IPAddresses
    const preconditions = { uid: current.object().metadata.uid ?? '' };
    try {
      await deleteObject(addresses, this.#request(name), { preconditions });
    } catch (error) {
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
    }
  }

  /** False where somebody has it. */
  async #create(service: ServiceName, address: string): Promise<boolean> {
    const name = canonicalIp(address) ?? address;
    const object: Draft<IPAddress> = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: { name, labels: { [FAMILY_LABEL]: familyOf(name), [MANAGED_BY_LABEL]: MANAGED_BY } },
      spec: { parentRef: { resource: 'services', namespace: service.namespace, name: service.name } },
    };
    try {
      await createObject(this.#options.addresses(), object as Draft<KubeObject>, this.#request(name));
      return true;
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return false;
      if (error instanceof StatusError && error.code < 500) {
        throw new AddressUnavailable(error.message, { cause: error });
      }
      throw error;
    }
  }

  #ranges(): readonly AddressRange[] {
    return this.#options
      .listers(serviceCIDR)
      .list()
      .filter(isReady)
      .flatMap(({ spec }) => spec.cidrs ?? [])
      .flatMap((cidr) => addressRange(cidr) ?? []);
  }

  #request(name: string): WriteRequest {
    return {
      namespace: '',
      name,
      subresource: '',
      user: { name: 'system:apiserver', groups: ['system:masters'] },
      dryRun: false,
      fieldManager: undefined,
      warn: () => undefined,
      signal: this.#never.signal,
    };
  }
}

export function isParent({ spec }: IPAddress, { namespace, name }: ServiceName): boolean {
  const parent = spec?.parentRef;
  return !parent?.group && parent?.resource === 'services' && parent.namespace === namespace && parent.name === name;
}

/** One that nobody has judged is taken for good: the judge may not run yet. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata.deletionTimestamp) return false;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return !ready || ready.status === 'True';
}
