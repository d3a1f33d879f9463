import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '#base/clock.ts';

/** What part of a log is wanted. Source: core/v1 PodLogOptions. */
export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** Milliseconds since the epoch: older lines are left out. */
  readonly since: number | undefined;
  /** One of both streams, or all. */
  readonly stream: 'stdout' | 'stderr' | undefined;
}

export interface LogSource {
  readonly path: string;
  readonly clock: Clock;
  /** Whether more may still be written. */
  readonly isRunning: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

const CHUNK_BYTES = 64 * 1024;
/** Without news from the file system a followed log is looked at this often. */
const POLL_MS = 1_000;
/** A line that never ends is passed on in pieces of this size. */
const MAX_LINE_BYTES = 1024 * 1024;

/** One line as the runtime writes it: `time stream tag text`. Source: CRI logging format. */
export interface LogLine {
  readonly time: string;
  readonly stream: string;
  /** The text goes on in the next line. */
  readonly partial: boolean;
  readonly text: Uint8Array;
}

const SPACE = 0x20;

export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(SPACE, second + 1);
  const word = (from: number, to: number) => Buffer.from(line.subarray(from, to)).toString('latin1');
  const tag = word(second + 1, third < 0 ? line.length : third);
  return {
    time: word(0, first),
    stream: word(first + 1, second),
    partial: tag.startsWith('P'),
    text: third < 0 ? new Uint8Array(0) : line.subarray(third + 1),
  };
}

/** The log in pieces, as `kubectl logs` prints it. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<Uint8Array> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let atLineStart = true;
  for await (const lines of readLines(source, options)) {
    const pieces: Uint8Array[] = [];
    for (const line of lines) {
      const parsed = parseLogLine(line);
      if (!parsed || (options.stream && parsed.stream !== options.stream)) continue;
      if (options.since !== undefined && Date.parse(parsed.time) < options.since) continue;
      if (options.timestamps && atLineStart) pieces.push(Buffer.from(`${parsed.time} `));
      pieces.push(parsed.text);
      if (!parsed.partial) pieces.push(NEWLINE);
      atLineStart = !parsed.partial;
    }
    const chunk = Buffer.concat(pieces);
    if (chunk.length === 0) continue;
    yield chunk.subarray(0, Math.min(chunk.length, left));
    left -= chunk.length;
    if (left <= 0) return;
  }
}

const NEWLINE = Buffer.from('\n');

/** Batches of raw lines from where the options say, on over rotations of the file while it is followed. */
async function* readLines(source: LogSource, options: LogOptions): AsyncGenerator<readonly Uint8Array[]> {
  const { path, signal } = source;
  if (options.tailLines === 0 && !options.follow) return;
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const changes = options.follow ? new Changes(path, source.clock) : undefined;
  try {
    let offset = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    while (!signal.aborted) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, offset);
      if (bytesRead > 0) {
        offset += bytesRead;
        const [lines, left] = splitLines(Buffer.concat([rest, buffer.subarray(0, bytesRead)]));
        rest = left;
        if (lines.length > 0) yield lines;
        continue;
      }
      if (!changes) break;
      const next = await rotated(file, path);
      if (next) {
        await file.close();
        file = next;
        offset = 0;
        continue;
      }
      const wasRunning = await source.isRunning();
      // Whatever was written before it ended is read in one more round.
      if (!wasRunning && (await file.stat()).size <= offset) break;
      if (wasRunning) await changes.next(signal);
    }
    if (rest.length > 0) yield [rest];
  } finally {
    changes?.[Symbol.dispose]();
    await file.close();
  }
}

function splitLines(bytes: Buffer): [Uint8Array[], Buffer] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  const rest = bytes.subarray(start);
  if (rest.length > MAX_LINE_BYTES) return [[...lines, rest], Buffer.alloc(0)];
  return [lines, Buffer.from(rest)];
}

/** Where the last `count` lines begin. */
async function tailOffset(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  let position = size;
  let found = -1; // the newline at the very end ends the last line
  while (position > 0) {
    const length = Math.min(CHUNK_BYTES, position);
    position -= length;
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
    for (let index = length - 1; index >= 0; index--) {
      if (buffer[index] !== 0x0a) continue;
      found += 1;
      if (found === count) return position + index + 1;
    }
  }
  return 0;
}

/** The file that took the place of the one that is read, if one did. */
async function rotated(file: FileHandle, path: string): Promise<FileHandle | undefined> {
  const current = await file.stat();
  const found = await stat(path).catch(() => undefined);
  return found && found.ino !== current.ino ? open(path) : undefined;
}

/** Waits for a file to change: the kernel tells, and a slow poll makes up for what it does not tell. */
class Changes implements Disposable {
  readonly #clock: Clock;
  #watcher: FSWatcher | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    try {
      const name = basename(path);
      this.#watcher = watch(dirname(path), (_event, file) => {
        if (file === null || file === name) this.#changed.resolve();
      });
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // No more watches on this machine: polling goes on.
    }
  }

  async next(signal: AbortSignal): Promise<void> {
    const poll = new AbortController();
    try {
      const either = AbortSignal.any([signal, poll.signal]);
      await Promise.race([this.#changed.promise, this.#clock.sleep(POLL_MS, either).catch(() => undefined)]);
    } finally {
      poll.abort();
    }
    this.#changed = Promise.withResolvers<void>();
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}
