import { basename } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { isReady, pods, TestNode } from '../integration/kubelet/node.ts';
import { percentile, printRows, timed } from './measure.ts';

const SERIAL = 20;
const BURST = 30;
const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1 & wait; done'];

/** Pod create to Ready through API and agent, beside the bare CRI calls for the same image on the same containerd. */
export async function benchPodStart(): Promise<void> {
  await using node = await TestNode.start(242);
  await bare(node, 'warm');
  await ours(node, 'warm');
  const bareMs: number[] = [];
  const ourMs: number[] = [];
  // By turns, so that what else the machine does hits both alike.
  for (let index = 0; index < SERIAL; index++) {
    bareMs.push((await timed(() => bare(node, `bare-${index}`))).ms);
    ourMs.push((await timed(() => ours(node, `ours-${index}`))).ms);
  }
  await removeAll(node);
  const bareBurst = await timed(() =>
    Promise.all(Array.from({ length: BURST }, (_, index) => bare(node, `bb-${index}`))),
  );
  await removeAll(node);
  const ourBurst = await timed(() =>
    Promise.all(Array.from({ length: BURST }, (_, index) => ours(node, `ob-${index}`))),
  );
  await removeAll(node);
  const perSecond = (ms: number) => (BURST * 1000) / ms;
  const [bareMedian, ourMedian] = [percentile(bareMs, 0.5), percentile(ourMs, 0.5)];
  printRows('Pod create to Ready', [
    {
      what: 'one by one, p50',
      ours: ourMedian,
      unit: 'ms',
      against: { name: 'bare CRI', value: bareMedian },
      note: `+${(ourMedian - bareMedian).toFixed(0)} ms`,
    },
    {
      what: `${BURST} at once`,
      ours: perSecond(ourBurst.ms),
      unit: 'pods/s',
      against: { name: 'bare CRI', value: perSecond(bareBurst.ms) },
    },
  ]);
}

async function ours(node: TestNode, name: string): Promise<void> {
  const ready = Promise.withResolvers<void>();
  using _watch = node.kubelet.podInformer.subscribe(({ object }) => {
    if (object.metadata.name === name && isReady(object)) ready.resolve();
  });
  await node.createPod(name, { containers: [{ name: 'c', image: 'busybox:test', command: COMMAND }] });
  await ready.promise;
}

async function bare(node: TestNode, name: string): Promise<void> {
  const { runtime } = node.kubelet.runtime;
  const metadata = { uid: `bare-${name}`, name, namespace: 'bare', attempt: 0 };
  const config = {
    metadata,
    logDirectory: `${node.folder}/bare/${name}`,
    linux: { cgroupParent: `/${basename(node.folder)}/bare` },
  };
  const { podSandboxId } = await runtime.runPodSandbox({ config });
  const { containerId } = await runtime.createContainer({
    podSandboxId,
    sandboxConfig: config,
    config: {
      metadata: { name: 'c', attempt: 0 },
      image: { image: 'docker.io/library/busybox:test' },
      command: COMMAND,
      logPath: 'c.log',
    },
  });
  await runtime.startContainer({ containerId });
}

async function removeAll(node: TestNode): Promise<void> {
  const { runtime } = node.kubelet.runtime;
  const { items } = await runtime.listPodSandbox({});
  for (const item of items.filter((one) => one.metadata?.namespace === 'bare')) {
    await runtime.stopPodSandbox({ podSandboxId: item.id });
    await runtime.removePodSandbox({ podSandboxId: item.id });
  }
  const { items: objects } = await node.client.list(pods, {});
  for (const { metadata } of objects)
    await node.client.delete(pods, metadata.name ?? '', metadata.namespace, { gracePeriodSeconds: 1 });
  while ((await node.client.list(pods, {})).items.length > 0) await systemClock.sleep(50);
}
