import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Clock ticks a second in /proc (fixed at 100 on Linux). */
const TICKS = 100;

/** CPU seconds, user and system, that a process has used with all its threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Proportional set size of processes together, MiB: shared pages count once. */
export function pssMebibytes(pids: readonly number[]): number {
  const kilobytes = pids.map((pid) =>
    Number(/^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, value) => sum + value, 0) / 1024;
}

export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

export interface Timed<T> {
  readonly value: T;
  readonly ms: number;
}

export async function timed<T>(work: () => Promise<T> | T): Promise<Timed<T>> {
  const started = performance.now();
  const value = await work();
  return { value, ms: performance.now() - started };
}

/** Runs `work` for each number below `count`, `concurrency` at a time; milliseconds of each. */
export async function loop(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<void>,
): Promise<readonly number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) {
        const index = next++;
        times.push((await timed(() => work(index))).ms);
      }
    }),
  );
  return times;
}

/** One line of a result: ours, what it is measured against, and their ratio. */
export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly unit: string;
  readonly against?: { readonly name: string; readonly value: number };
  readonly note?: string;
}

export function printRows(title: string, rows: readonly Row[]): void {
  process.stdout.write(`\n${title}\n`);
  for (const { what, ours, unit, against, note } of rows) {
    const ratio = against
      ? `  ${against.name} ${round(against.value)}  ratio ${(ours / against.value).toFixed(3)}`
      : '';
    process.stdout.write(
      `  ${what.padEnd(36)} ${round(ours).padStart(10)} ${unit.padEnd(12)}${ratio}${note ? `  (${note})` : ''}\n`,
    );
  }
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(4);
}
