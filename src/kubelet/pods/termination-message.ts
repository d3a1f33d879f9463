import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyContainer } from '../containers/containers.ts';

/** Upstream's limits: of one message, of one taken from a log, and the lines of a log that are looked at. */
const MAX_MESSAGE_BYTES = 4096;
const MAX_LOG_MESSAGE_BYTES = 2048;
const MAX_LOG_LINES = 80;

/** The host's file behind a container's terminationMessagePath. */
export function terminationMessageFile(podFolder: string, container: string, restartCount: number): string {
  return join(podFolder, 'containers', container, String(restartCount));
}

/** What a container that has ended wants to say. Source: "Customizing the termination message". */
export async function terminationMessage(
  container: AnyContainer,
  run: { readonly exitCode: number; readonly logPath: string },
  file: string,
): Promise<string> {
  const message = await readTail(file, MAX_MESSAGE_BYTES);
  if (message || container.terminationMessagePolicy !== 'FallbackToLogsOnError' || run.exitCode === 0) return message;
  const raw = await readTail(run.logPath, MAX_LOG_MESSAGE_BYTES * 8);
  const lines = raw
    .split('\n')
    .filter(Boolean)
    .slice(-MAX_LOG_LINES)
    // time stream tag text
    .map((line) => /^\S+ (?:stdout|stderr) [PF]\S* ?(.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined);
  const text = lines.map((line) => `${line}\n`).join('');
  return Buffer.from(text).subarray(-MAX_LOG_MESSAGE_BYTES).toString();
}

async function readTail(path: string, bytes: number): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size === 0) return '';
    await using file = await open(path);
    const start = Math.max(size - bytes, 0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, bytes)), 0, Math.min(size, bytes), start);
    return buffer.subarray(0, bytesRead).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
