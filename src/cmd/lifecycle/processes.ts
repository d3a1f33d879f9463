import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { systemClock } from '#base/clock.ts';

/** One process, told apart from a later one with the same number by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks since the machine started, field 22 of /proc/PID/stat. */
  readonly startTime: string;
}

/** The identity of a running process; undefined where it does not run (a zombie does not). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the program's name may hold anything
  const [state, startTime] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' || startTime === undefined ? undefined : { pid, startTime };
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTime === identity.startTime;
}

/** Remembers a process in a file. */
export async function writePidFile(file: string, pid: number): Promise<ProcessIdentity | undefined> {
  const identity = await identify(pid);
  if (!identity) return undefined;
  await writeFile(`${file}.tmp`, JSON.stringify(identity));
  await rename(`${file}.tmp`, file);
  return identity;
}

/** The process that a pid file names, if it still runs. */
export async function readPidFile(file: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const identity = JSON.parse(text) as ProcessIdentity;
    return (await isRunning(identity)) ? identity : undefined;
  } catch {
    return undefined; // half-written by a machine that lost power: nothing of it runs any more
  }
}

const POLL_MS = 20;

/** Waits until the process is gone; false where it is still there after `timeoutMs`. */
export async function waitGone(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const end = systemClock.now() + timeoutMs;
  while (await isRunning(identity)) {
    if (systemClock.now() > end) return false;
    await systemClock.sleep(POLL_MS);
  }
  return true;
}

/** Asks the process of a pid file to end, ends it by force after `timeoutMs`, and removes the file. */
export async function endProcess(file: string, timeoutMs: number): Promise<void> {
  const identity = await readPidFile(file);
  if (identity) {
    signalProcess(identity, 'SIGTERM');
    if (!(await waitGone(identity, timeoutMs))) {
      signalProcess(identity, 'SIGKILL');
      await waitGone(identity, timeoutMs);
    }
  }
  await rm(file, { force: true });
}

function signalProcess({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
