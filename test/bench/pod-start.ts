import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { createClient } from '#client/create-client.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { kubeconfigTransport, readKubeconfig } from '#client/kubeconfig.ts';
import { startInformer } from '#client/start-informer.ts';
import { cgroupParent } from '#cmd/cluster.ts';
import { type ContainerRuntime, connectRuntime } from '#kubelet/runtime/connect.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import { TestCluster, waitFor } from '../support/cluster.ts';
import { percentile, printRows, type Row, timed } from './measure.ts';

const SERIAL = 20;
const BURST = 30;
const BARE_CONCURRENCY = 4;
const IMAGE = 'docker.io/library/busybox:test';
const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1 & wait; done'];
/** What a client sees of a pod on its way. */
const STAGES = ['answered', 'scheduled', 'ready'] as const;

type Stage = (typeof STAGES)[number];
type Stages = Partial<Record<Stage, number>>;

interface Bench {
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly seen: Informer<Pod>;
  readonly runtime: ContainerRuntime['runtime'];
}

/** Pod create to Ready as a client of a whole cluster sees it, beside the bare CRI calls on the same containerd. */
export async function benchPodStart(): Promise<void> {
  await using cluster = await TestCluster.start(['busybox']);
  const config = await readKubeconfig(cluster.kubeconfig);
  if (!config) throw new Error('dhow up wrote no kubeconfig');
  using transport = await kubeconfigTransport(config, cluster.kubeconfig);
  const client = createClient(transport);
  const stop = new AbortController();
  const log = createLogger('bench', 'warn');
  const seen = startInformer(client, pods, { namespace: 'default', signal: stop.signal, clock: systemClock, log });
  const { runtime } = connectRuntime(join(cluster.dataDir, 'agent/containerd/containerd.sock'));
  const bench = { cluster, client, seen, runtime };
  await waitFor('the default service account', () => cluster.tryKubectl(['get', 'sa', 'default']).code === 0);
  try {
    printRows('Pod create to Ready', [...(await oneByOne(bench)), await manyAtOnce(bench)]);
  } finally {
    await removeAll(bench);
    stop.abort(new Error('the benchmark is over'));
  }
}

/** By turns, so that what else the machine does hits both alike. */
async function oneByOne(bench: Bench): Promise<readonly Row[]> {
  await bare(bench, 'warm');
  await ours(bench, 'warm');
  const bareMs: number[] = [];
  const stages: Stages[] = [];
  for (let index = 0; index < SERIAL; index++) {
    bareMs.push((await timed(() => bare(bench, `bare-${index}`))).ms);
    stages.push(await ours(bench, `ours-${index}`));
  }
  await removeAll(bench);
  const times = (stage: Stage) => stages.map((one) => one[stage] ?? Number.NaN);
  const value = percentile(bareMs, 0.5);
  return STAGES.map((stage): Row => {
    const row = { what: `one by one, p50: ${stage}`, ours: percentile(times(stage), 0.5), unit: 'ms' };
    if (stage !== 'ready') return row;
    return { ...row, against: { name: 'bare CRI', value }, note: `+${(row.ours - value).toFixed(0)} ms` };
  });
}

async function manyAtOnce(bench: Bench): Promise<Row> {
  let next = 0;
  const bareBurst = await timed(() =>
    Promise.all(
      Array.from({ length: BARE_CONCURRENCY }, async () => {
        while (next < BURST) await bare(bench, `burst-${next++}`);
      }),
    ),
  );
  await removeAll(bench);
  const ourBurst = await timed(() =>
    Promise.all(Array.from({ length: BURST }, (_, index) => ours(bench, `burst-${index}`))),
  );
  const perSecond = (ms: number) => (BURST * 1000) / ms;
  return {
    what: `${BURST} at once`,
    ours: perSecond(ourBurst.ms),
    unit: 'pods/s',
    against: { name: `bare CRI, ${BARE_CONCURRENCY} at once`, value: perSecond(bareBurst.ms) },
  };
}

/** Milliseconds from the request to each stage. */
async function ours({ client, seen }: Bench, name: string): Promise<Stages> {
  const started = performance.now();
  const stages: Stages = {};
  const mark = (stage: Stage) => (stages[stage] ??= performance.now() - started);
  const ready = Promise.withResolvers<void>();
  using _watch = seen.subscribe(({ object: { metadata, spec, status } }) => {
    if (metadata.name !== name) return;
    if (spec.nodeName) mark('scheduled');
    const isReady = (status.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True');
    if (!isReady) return;
    mark('ready');
    ready.resolve();
  });
  const spec = { containers: [{ name: 'c', image: IMAGE, command: COMMAND }] };
  await client.create(pods, { metadata: { name, namespace: 'default' }, spec });
  mark('answered');
  await ready.promise;
  return stages;
}

async function bare({ cluster, runtime }: Bench, name: string): Promise<void> {
  const config = {
    metadata: { uid: `bare-${name}`, name, namespace: 'bare', attempt: 0 },
    logDirectory: `${cluster.folder}/bare/${name}`,
    linux: { cgroupParent: `${cgroupParent(cluster)}/bare` },
  };
  const { podSandboxId } = await runtime.runPodSandbox({ config });
  const { containerId } = await runtime.createContainer({
    podSandboxId,
    sandboxConfig: config,
    config: { metadata: { name: 'c', attempt: 0 }, image: { image: IMAGE }, command: COMMAND, logPath: 'c.log' },
  });
  await runtime.startContainer({ containerId });
}

async function removeAll({ client, seen, runtime }: Bench): Promise<void> {
  const { items } = await runtime.listPodSandbox({});
  for (const { id: podSandboxId } of items.filter(({ metadata }) => metadata?.namespace === 'bare')) {
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
  }
  for (const { metadata } of seen.list('default'))
    await client.delete(pods, metadata.name ?? '', 'default', { gracePeriodSeconds: 1 });
  while (seen.list('default').length > 0) await systemClock.sleep(50);
}
