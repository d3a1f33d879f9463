import { systemClock } from '#base/clock.ts';
import { TestCluster } from '../support/cluster.ts';
import { cpuSeconds, printRows, pssMebibytes, type Row, timed } from './measure.ts';

const IDLE_MS = 120_000;
const WINDOW_MS = 60_000;
const PARTS = ['supervisor', 'server', 'agent'] as const;

/** How long `up` and `down` take, and what an idle cluster costs after two minutes. */
export async function benchLifeCycle(): Promise<void> {
  await using cluster = new TestCluster(`bench-${process.pid}`);
  const rows: Row[] = [];
  const step = async (what: string, work: () => { readonly stderr: string }) => {
    const { value, ms } = await timed(work);
    rows.push({ what, ours: ms / 1000, unit: 's', note: value.stderr.trim().replaceAll('\n', '; ') });
  };
  await step('first up', () => cluster.up());
  await step('down', () => cluster.dhow('down'));
  await step('up again', () => cluster.up());
  await systemClock.sleep(IDLE_MS);
  // Containerd and its shims, which the agent starts, are not ours to count.
  const all = PARTS.map((part) => cluster.pid(part));
  for (const part of PARTS)
    rows.push({ what: `idle PSS: ${part}`, ours: pssMebibytes([cluster.pid(part)]), unit: 'MiB' });
  rows.push({
    what: 'idle PSS: all',
    ours: pssMebibytes(all),
    unit: 'MiB',
    against: { name: 'upstream (control plane 501 + kubelet 88)', value: 589 },
  });
  const before = all.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await systemClock.sleep(WINDOW_MS);
  const used = all.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before;
  rows.push({
    what: 'idle CPU',
    ours: (100 * used * 1000) / WINDOW_MS,
    unit: '% of a core',
    against: { name: 'upstream (4.0 + 0.7)', value: 4.7 },
  });
  printRows('Life cycle of a one-machine cluster', rows);
}
