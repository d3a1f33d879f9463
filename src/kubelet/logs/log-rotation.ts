import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { ContainerRuntime } from '../runtime/connect.ts';
import { ContainerState } from '../runtime/cri/generated/runtime-v1_pb.ts';

export interface LogRotationOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Upstream's defaults: a log is rotated at this size, and so many files are kept of it, all but two compressed. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;
const MAX_FILES = 5;
const CHECK_MS = 10_000;

/** Keeps the logs of running containers small. Source: "Logging Architecture", log rotation. */
export function startLogRotation(options: LogRotationOptions): void {
  const { clock, signal, log } = options;
  const run = async () => {
    while (!signal.aborted) {
      await clock.sleep(CHECK_MS, signal);
      try {
        await rotateAll(options);
      } catch (error) {
        log.warn({ err: error }, 'logs of containers could not be rotated');
      }
    }
  };
  run().catch((error: unknown) => {
    if (!signal.aborted) log.error({ err: error }, 'log rotation has ended');
  });
}

async function rotateAll({ runtime, clock }: LogRotationOptions): Promise<void> {
  const filter = { state: { state: ContainerState.CONTAINER_RUNNING } };
  const { containers } = await runtime.runtime.listContainers({ filter });
  for (const { id } of containers) {
    const { status } = await runtime.runtime.containerStatus({ containerId: id }).catch(() => ({ status: undefined }));
    if (!status?.logPath) continue;
    const size = await stat(status.logPath).then(
      (info) => info.size,
      () => 0,
    );
    if (size >= MAX_LOG_BYTES) await rotate(runtime, id, status.logPath, clock.now());
  }
}

async function rotate({ runtime }: ContainerRuntime, containerId: string, path: string, now: number): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  const rotated = (await readdir(folder)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of rotated.slice(0, Math.max(rotated.length - (MAX_FILES - 2), 0)))
    await rm(join(folder, name), { force: true });
  // The newest rotated file stays as it is: a reader may be at its end still.
  for (const name of rotated) if (!name.endsWith('.gz')) await compress(join(folder, name));
  const stamp = new Date(now).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const target = `${path}.${stamp.slice(0, 8)}-${stamp.slice(8)}`;
  await rename(path, target);
  try {
    await runtime.reopenContainerLog({ containerId });
  } catch (error) {
    await rename(target, path); // the runtime goes on writing there
    throw error;
  }
}

async function compress(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz.tmp`, { mode: 0o640 }));
  await rename(`${path}.gz.tmp`, `${path}.gz`);
  await rm(path);
}
