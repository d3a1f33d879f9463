import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Upstream's buckets for the duration of requests, in seconds. */
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

const REQUEST_LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;

type RequestLabels = Readonly<Record<(typeof REQUEST_LABELS)[number], string>>;

/** What the server counts, under upstream's names. Source: Kubernetes metrics reference. */
export interface ServerMetrics {
  started(labels: RequestLabels, longRunning: boolean, kind: 'readOnly' | 'mutating'): void;
  finished(labels: RequestLabels, outcome: Outcome): void;
  /** The exposition format, and its content type. */
  expose(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface Outcome {
  readonly code: number;
  readonly seconds: number;
  readonly longRunning: boolean;
  readonly kind: 'readOnly' | 'mutating';
  readonly dryRun: boolean;
}

/** Numbers that are read when they are asked for. */
export interface MetricSources {
  /** Objects by resource (`deployments.apps`). */
  objects(): Iterable<readonly [resource: string, count: number]>;
}

export function createMetrics(sources: MetricSources): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource, scope and code.',
    labelNames: ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time from the arrival of a request to its answer, in seconds.',
    labelNames: ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const longRunning = new Gauge({
    name: 'apiserver_longrunning_requests',
    help: 'Watches and connections that are open.',
    labelNames: [...REQUEST_LABELS],
    registers,
  });
  const inFlight = new Gauge({
    name: 'apiserver_current_inflight_requests',
    help: 'Requests under way that are not long-running.',
    labelNames: ['request_kind'],
    registers,
  });
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Stored objects by resource.',
    labelNames: ['resource'],
    registers,
    collect() {
      this.reset();
      for (const [resource, count] of sources.objects()) this.set({ resource }, count);
    },
  });
  return {
    started(labels, isLong, kind) {
      if (isLong) longRunning.inc(labels);
      else inFlight.inc({ request_kind: kind });
    },
    finished(labels, { code, seconds, longRunning: isLong, kind, dryRun }) {
      const all = { ...labels, dry_run: dryRun ? 'All' : '' };
      if (isLong) longRunning.dec(labels);
      else {
        inFlight.dec({ request_kind: kind });
        duration.observe(all, seconds);
      }
      requests.inc({ ...all, code: String(code) });
    },
    expose: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}
