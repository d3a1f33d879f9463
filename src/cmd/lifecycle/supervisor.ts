import { spawn } from 'node:child_process';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { type Cluster, paths } from '../cluster.ts';
import { endProcess, isRunning, type ProcessIdentity, readPidFile, writePidFile } from './processes.ts';

/** A process that the supervisor keeps running. */
export interface Part {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
/** A part that ran this long starts over with the shortest back-off. */
const STABLE_MS = 10_000;
/** How often a part is looked at that an earlier supervisor started, and whose end we are therefore not told. */
const ADOPTED_POLL_MS = 500;
const STOP_TIMEOUT_MS = 10_000;
/** A log that is longer when its part starts becomes the old one, of which there is one. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

/**
 * Keeps the parts of a cluster running until `signal`, then ends them in reverse order (containers go on: ending them
 * is the business of `dhow down`). Parts are processes of their own groups: they outlive a supervisor that is killed,
 * and the next supervisor adopts them by their pid files.
 */
export async function supervise(cluster: Cluster, parts: readonly Part[], options: SupervisorOptions): Promise<void> {
  await mkdir(paths(cluster).logDir, { recursive: true, mode: 0o700 });
  await Promise.all(parts.map((part) => keepRunning(cluster, part, options)));
  for (const part of [...parts].reverse()) await endProcess(paths(cluster).pidFile(part.name), STOP_TIMEOUT_MS);
}

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function keepRunning(cluster: Cluster, part: Part, { clock, log, signal }: SupervisorOptions): Promise<void> {
  let backoffMs = FIRST_BACKOFF_MS;
  const adopted = await readPidFile(paths(cluster).pidFile(part.name));
  if (adopted) {
    log.info({ part: part.name, pid: adopted.pid }, 'goes on under this supervisor');
    await untilGone(adopted, clock, signal);
  }
  while (!signal.aborted) {
    const started = clock.now();
    const ended = await runOnce(cluster, part, log, signal);
    if (signal.aborted) return;
    if (clock.now() - started > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
    log.warn({ part: part.name, ended, againInMs: backoffMs }, 'ended and is started again');
    await clock.sleep(backoffMs, signal).catch(() => undefined); // aborted: the loop ends
    backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
  }
}

async function untilGone(identity: ProcessIdentity, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await isRunning(identity))) {
    await clock.sleep(ADOPTED_POLL_MS, signal).catch(() => undefined); // aborted: the loop ends
  }
}

/** Starts a part and waits for its end, or for the supervisor's. */
async function runOnce(cluster: Cluster, part: Part, log: Logger, signal: AbortSignal): Promise<string> {
  const { logFile, pidFile } = paths(cluster);
  const output = await openLog(logFile(part.name));
  try {
    const child = spawn(part.program, part.args, {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      cwd: cluster.dataDir,
    });
    const ended = new Promise<string>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (code, killed) => resolve(killed ?? `code ${code}`));
    });
    if (child.pid !== undefined) {
      await writePidFile(pidFile(part.name), child.pid);
      log.info({ part: part.name, pid: child.pid }, 'started');
    }
    const aborted = new Promise<string>((resolve) =>
      signal.addEventListener('abort', () => resolve('stopped'), { once: true }),
    );
    const how = await Promise.race([ended, aborted]);
    if (signal.aborted) child.unref();
    else await rm(pidFile(part.name), { force: true });
    return how;
  } finally {
    await output.close();
  }
}

async function openLog(file: string): ReturnType<typeof open> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0, // no log yet
  );
  if (size > MAX_LOG_BYTES) await rename(file, `${file}.1`);
  return open(file, 'a', 0o600);
}
