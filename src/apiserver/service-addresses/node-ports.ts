import type { Randomness } from '#base/random.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import type { CachedObject, ResourceCache } from '../cache/cache.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const DEFAULT_NODE_PORTS: PortRange = { first: 30_000, last: 32_767 };

/** Ports below it are preferred for those who choose one themselves. Source: KEP-3668. */
const BAND = { min: 16, max: 128, step: 32 };

/** A port cannot be had; the message is part of what the client is told. */
export class PortUnavailable extends Error {
  override readonly name = 'PortUnavailable';
}

interface NodePortsOptions {
  /** The cache of services. */
  readonly services: () => ResourceCache;
  readonly random: Randomness;
  readonly range?: PortRange;
}

/**
 * Ports of nodes that services have: those of all stored services, kept up to date by a watch of the cache, and those
 * that writes under way have taken.
 */
export class NodePorts {
  readonly range: PortRange;
  readonly #options: NodePortsOptions;
  readonly #pending = new Set<number>();
  #stored: StoredPorts | undefined;

  constructor(options: NodePortsOptions) {
    this.#options = options;
    this.range = options.range ?? DEFAULT_NODE_PORTS;
  }

  /** What one write takes. It holds until it is disposed; by then a write that succeeded is in the cache. */
  operation(dryRun: boolean): PortOperation {
    const own = new Set<number>();
    const isTaken = (port: number) => own.has(port) || this.#pending.has(port) || this.#used().has(port);
    const hold = (port: number) => {
      own.add(port);
      if (!dryRun) this.#pending.add(port);
      return port;
    };
    const { first, last } = this.range;
    return {
      take(port) {
        if (port < first || port > last) {
          throw new PortUnavailable(
            `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
          );
        }
        if (isTaken(port)) throw new PortUnavailable('provided port is already allocated');
        hold(port);
      },
      next: () => {
        for (const port of this.#candidates()) if (!isTaken(port)) return hold(port);
        throw new PortUnavailable('range is full');
      },
      [Symbol.dispose]: () => {
        if (!dryRun) for (const port of own) this.#pending.delete(port);
        own.clear();
      },
    };
  }

  /** Every port once: the upper part first, each part from a random place on. */
  *#candidates(): Generator<number> {
    const { first, last } = this.range;
    const border = first + bandOf(last - first + 1);
    for (const [low, high] of [
      [border, last],
      [first, border - 1],
    ] as const) {
      const size = high - low + 1;
      const start = Math.floor(this.#options.random.fraction() * size);
      for (let step = 0; step < size; step++) yield low + ((start + step) % size);
    }
  }

  #used(): StoredPorts {
    if (!this.#stored || this.#stored.closed) this.#stored = new StoredPorts(this.#options.services());
    return this.#stored;
  }
}

/** What one write takes; see `NodePorts.operation`. */
export interface PortOperation extends Disposable {
  /** Throws PortUnavailable. */
  take(port: number): void;
  /** Throws PortUnavailable. */
  next(): number;
}

/** The node ports of a service, the one of health checks among them. */
function portsOf({ spec }: Pick<Service, 'spec'>): readonly number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return [...ports, spec?.healthCheckNodePort ?? 0].filter((port) => port !== 0);
}

function bandOf(size: number): number {
  if (size < BAND.min) return 0;
  return Math.min(Math.max(BAND.min, Math.floor(size / BAND.step)), BAND.max);
}

/** Counts by port over the services of a cache, from one revision on. */
class StoredPorts {
  readonly #byService = new Map<string, readonly number[]>();
  readonly #counts = new Map<number, number>();
  closed = false;

  constructor(cache: ResourceCache) {
    const snapshot = cache.current();
    for (const entry of snapshot.scan()) this.#replace(entry.key, readablePorts(entry));
    cache.watch(
      { filterKey: '', matches: () => true, from: snapshot.revision, bookmarks: false },
      {
        send: (changes) => {
          for (const change of changes) {
            if (change.type === 'BOOKMARK') continue;
            this.#replace(change.object.key, change.type === 'DELETED' ? [] : readablePorts(change.object));
          }
          return true;
        },
        closed: () => {
          this.closed = true;
        },
      },
    );
  }

  has(port: number): boolean {
    return this.#counts.has(port);
  }

  #replace(service: string, ports: readonly number[]): void {
    for (const port of this.#byService.get(service) ?? []) {
      const count = (this.#counts.get(port) ?? 0) - 1;
      if (count > 0) this.#counts.set(port, count);
      else this.#counts.delete(port);
    }
    for (const port of ports) this.#counts.set(port, (this.#counts.get(port) ?? 0) + 1);
    if (ports.length > 0) this.#byService.set(service, ports);
    else this.#byService.delete(service);
  }
}

/** A value that cannot be read has no ports that we know of; reading it says why. */
function readablePorts(entry: CachedObject<KubeObject>): readonly number[] {
  try {
    return portsOf(entry.object() as Service); // that cache holds services
  } catch {
    return [];
  }
}
