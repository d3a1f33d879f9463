import type { KubeObject } from '#machinery/object.ts';
import type { StatusError } from '#machinery/status.ts';
import type { Bookmark, CachedObject, ObjectChange, Watch, WatchChange, WatchRequest, WatchSink } from './cache.ts';

/** Changes that wait for a slow client, or for the state that it is sent first. Beyond it the watch is closed. */
export const MAX_QUEUED_CHANGES = 5000;
/** What these changes are about, in stored bytes: whoever does not read must not keep old states of large objects. */
export const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
/** Stored bytes after which a sink is asked whether it takes more. */
const BATCH_BYTES = 256 * 1024;
/** Objects of the first state that are looked at in one go; between two goes others have their turn. */
const STATE_CHUNK = 256;

/** A change with the frames that were made of it. */
class Framed {
  #frames: Map<string, unknown> | undefined;

  frame<F>(encoding: string, make: () => F): F {
    this.#frames ??= new Map();
    const made = this.#frames.get(encoding);
    // One encoding names one type of frame.
    if (made !== undefined) return made as F;
    const frame = make();
    this.#frames.set(encoding, frame);
    return frame;
  }
}

export class SharedChange<T extends KubeObject> extends Framed implements ObjectChange<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: CachedObject<T>;
  readonly revision: number;

  constructor(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: CachedObject<T>, revision: number) {
    super();
    this.type = type;
    this.object = object;
    this.revision = revision;
  }
}

export class SharedBookmark extends Framed implements Bookmark {
  readonly type = 'BOOKMARK';
  readonly revision: number;
  readonly initialEventsEnd: boolean;

  constructor(revision: number, initialEventsEnd: boolean) {
    super();
    this.revision = revision;
    this.initialEventsEnd = initialEventsEnd;
  }
}

/** What a watch sends before changes as they happen. */
export type Preface<T extends KubeObject> =
  | { readonly kind: 'none' }
  /** Every object there is (undefined for one that was looked at and is not wanted); `end` comes after the last. */
  | {
      readonly kind: 'state';
      readonly objects: Iterator<CachedObject<T> | undefined>;
      readonly end: Bookmark | undefined;
    }
  /** Changes that have to be read from the store first. */
  | { readonly kind: 'history'; readonly changes: Promise<readonly ObjectChange<T>[]> };

/** One watch: what it is to be sent, in order, as fast as its sink takes it. */
export class Watcher<T extends KubeObject> implements Watch {
  readonly request: WatchRequest<T>;
  readonly #sink: WatchSink<T>;
  readonly #left: () => void;
  #queue: WatchChange<T>[] = [];
  #queuedBytes = 0;
  #state: Extract<Preface<T>, { kind: 'state' }> | undefined;
  #waitsForHistory = false;
  #blocked = false;
  #pumping = false;
  #ended = false;
  /** Changes up to here are not for this watch. */
  readonly after: number;

  /** `left` is called once, when the watch is over for whatever reason. */
  constructor(request: WatchRequest<T>, sink: WatchSink<T>, after: number, left: () => void) {
    this.request = request;
    this.#sink = sink;
    this.after = after;
    this.#left = left;
  }

  start(preface: Preface<T>): void {
    if (preface.kind === 'state') this.#state = preface;
    if (preface.kind === 'history') {
      this.#waitsForHistory = true;
      preface.changes.then(
        (changes) => {
          this.#waitsForHistory = false;
          this.#queue = [...changes, ...this.#queue];
          for (const change of changes) this.#queuedBytes += sizeOf(change);
          this.flush();
        },
        (error: StatusError) => this.end(error),
      );
    }
    this.flush();
  }

  /** Bookmarks are for those that have been sent everything before. */
  get caughtUp(): boolean {
    return !this.#state && !this.#waitsForHistory && !this.#blocked;
  }

  push(change: WatchChange<T>): void {
    this.#queue.push(change);
    this.#queuedBytes += sizeOf(change);
  }

  /** Sends what the sink takes. To be called after a batch of `push`. */
  flush(): void {
    if (this.#ended || this.#pumping) return;
    if (!this.#blocked && !this.#waitsForHistory) {
      if (this.#state) this.#sendState(this.#state);
      else this.#sendQueue();
    }
    if (this.#queue.length > MAX_QUEUED_CHANGES || this.#queuedBytes > MAX_QUEUED_BYTES) this.end(undefined);
  }

  #sendQueue(): void {
    const changes = this.#queue;
    if (changes.length === 0) return;
    if (this.#queuedBytes <= BATCH_BYTES) {
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#blocked = !this.#sink.send(changes);
      return;
    }
    let sent = 0;
    while (sent < changes.length && !this.#blocked && !this.#ended) {
      const from = sent;
      for (let bytes = 0; sent < changes.length && bytes < BATCH_BYTES; sent++) bytes += sizeOf(changes[sent]);
      const batch = changes.slice(from, sent);
      for (const change of batch) this.#queuedBytes -= sizeOf(change);
      this.#blocked = !this.#sink.send(batch);
    }
    this.#queue = this.#ended ? [] : changes.slice(sent);
  }

  #sendState(state: Extract<Preface<T>, { kind: 'state' }>): void {
    const chunk: WatchChange<T>[] = [];
    let bytes = 0;
    for (let looked = 0; looked < STATE_CHUNK && bytes < BATCH_BYTES; looked++) {
      const { value: object, done } = state.objects.next();
      if (done) {
        this.#state = undefined;
        if (state.end) chunk.push(state.end);
        break;
      }
      if (!object) continue;
      chunk.push(new SharedChange('ADDED', object, object.revision));
      bytes += object.bytes.byteLength;
    }
    if (chunk.length > 0) this.#blocked = !this.#sink.send(chunk);
    if (this.#blocked) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.flush();
    });
  }

  resume(): void {
    this.#blocked = false;
    this.flush();
  }

  /** Ends the watch by our doing. */
  end(error: StatusError | undefined): void {
    if (this.#ended) return;
    this[Symbol.dispose]();
    this.#sink.closed(error);
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#state = undefined;
    this.#left();
  }
}

function sizeOf(change: WatchChange | undefined): number {
  return change === undefined || change.type === 'BOOKMARK' ? 0 : change.object.bytes.byteLength;
}
