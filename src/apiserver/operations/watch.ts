import type { KubeObject } from '#machinery/object.ts';
import { internalError, notAcceptableError, StatusError } from '#machinery/status.ts';
import type { Form, StreamForm } from '../answers/form.ts';
import type { CachedObject, ObjectChange, Watch, WatchChange, WatchSink } from '../cache/cache.ts';
import type { DerivedBytes } from '../cache/derived-bytes.ts';
import { startWatch } from '../cache/list.ts';
import type { Answer, Sink } from '../http/exchange.ts';
import { withRevision } from '../registry/create.ts';
import type { ServedResource } from '../registry/registry.ts';
import { isStorageVersion, oneToServed } from '../registry/versions.ts';
import type { Exchange } from '../request/exchange.ts';
import { queryFlag } from '../request/info.ts';
import { formFor, integer, revisionOptions } from './read.ts';
import { selectionOf } from './selection.ts';

/** A watch that names no timeout ends after this long, up to twice as long, so that watches spread over servers. */
const MIN_WATCH_SECONDS = 1800;

/** GET of a collection with `watch`: the answer goes on until it is ended. */
export async function watchObjects(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const { request, server, signal } = exchange;
  const { query } = request;
  const { form, derived } = formFor(served, exchange);
  if (!form.stream) throw notAcceptableError(['application/json', 'application/vnd.kubernetes.protobuf']);
  const { namespace, name, indexed, filterKey, matches } = selectionOf(served, exchange);
  const stream = new WatchStream(served, form, form.stream, derived);
  const watch = await startWatch(
    served.storage.cache,
    revisionOptions(query),
    {
      namespace,
      ...(name === undefined ? {} : { name }),
      ...(indexed === undefined ? {} : { indexed }),
      filterKey,
      matches: matches ?? (() => true),
      bookmarks: queryFlag(query, 'allowWatchBookmarks'),
    },
    stream,
  );
  stream.watch = watch;
  // a client that leaves before the body starts must not leave the watch behind
  if (signal.aborted) watch[Symbol.dispose]();
  else signal.addEventListener('abort', () => watch[Symbol.dispose](), { once: true });
  const seconds = integer(query, 'timeoutSeconds') || MIN_WATCH_SECONDS * (1 + served.registry.random.fraction());
  return {
    status: 200,
    headers: { 'content-type': form.stream.contentType, 'cache-control': 'no-cache, private' },
    async body(sink) {
      using _watch = watch;
      using _timer = server.ioClock.after(seconds * 1000, () => stream.finish());
      await stream.run(sink);
    },
  };
}

/** Turns changes into frames. Before `run` it takes one batch and asks for no more. */
class WatchStream implements WatchSink {
  readonly #served: ServedResource;
  readonly #form: Form;
  readonly #stream: StreamForm<unknown>;
  readonly #derived: DerivedBytes;
  readonly #ended = Promise.withResolvers<void>();
  readonly #early: Uint8Array[] = [];
  /** Frames that wait for a conversion; later ones must not overtake them. */
  #pending: Promise<void> | undefined;
  #sink: Sink | undefined;
  #first = true;
  watch: Watch | undefined;

  constructor(served: ServedResource, form: Form, stream: StreamForm<unknown>, derived: DerivedBytes) {
    this.#served = served;
    this.#form = form;
    this.#stream = stream;
    this.#derived = derived;
  }

  async run(sink: Sink): Promise<void> {
    this.#sink = sink;
    for (const frame of this.#early.splice(0)) sink.write(frame);
    this.watch?.resume();
    if (sink.closed.aborted) this.finish();
    sink.closed.addEventListener('abort', () => this.finish(), { once: true });
    await this.#ended.promise;
    await this.#pending;
  }

  finish(): void {
    this.#ended.resolve();
  }

  send(changes: readonly WatchChange[]): boolean {
    const frames = changes.map((change) => this.#frame(change));
    if (this.#pending || frames.some((frame) => frame instanceof Promise)) return this.#sendLater(frames);
    return this.#write(frames as Uint8Array[]); // no promise is among them
  }

  closed(error: StatusError | undefined): void {
    if (error) this.#write([this.#stream.error(error.status)]);
    this.finish();
  }

  #sendLater(frames: readonly (Uint8Array | Promise<Uint8Array>)[]): boolean {
    const before = this.#pending ?? Promise.resolve();
    const sent = before
      .then(async () => {
        this.#write(await Promise.all(frames.map(async (frame) => frame)));
        if (this.#pending === sent) this.#pending = undefined;
        this.watch?.resume();
      })
      .catch((error: unknown) => this.closed(conversionError(error)));
    this.#pending = sent;
    return false;
  }

  #write(frames: readonly Uint8Array[]): boolean {
    const sink = this.#sink;
    if (!sink) {
      this.#early.push(...frames);
      return false;
    }
    const [single] = frames;
    const free = sink.write(frames.length === 1 && single ? single : Buffer.concat(frames));
    if (!free) void sink.drained().then(() => this.watch?.resume());
    return free;
  }

  #frame(change: WatchChange): Uint8Array | Promise<Uint8Array> {
    const stream = this.#stream;
    if (change.type === 'BOOKMARK') {
      return change.frame(this.#form.key, () => stream.bookmark(change.revision, change.initialEventsEnd));
    }
    const first = this.#first && stream.firstDiffers;
    this.#first = false;
    return change.frame(first ? `${this.#form.key}|first` : this.#form.key, () => this.#make(change, first));
  }

  #make(change: ObjectChange, first: boolean): Uint8Array | Promise<Uint8Array> {
    const { type, object: entry } = change;
    // a deleted object is shown as it was, with the revision of its deletion
    const revision = entry.revision === change.revision ? undefined : change.revision;
    const event = { type, revision, first };
    const frame = (object: () => KubeObject) =>
      this.#stream.event(
        event,
        this.#part(entry, object),
        () => this.#form.part(withRevision(object(), change.revision)).value,
      );
    if (this.#form.ofStored || isStorageVersion(this.#served)) return frame(() => entry.object());
    return oneToServed(this.#served, entry.object()).then((converted) => frame(() => converted));
  }

  #part(entry: CachedObject, object: () => KubeObject): unknown {
    return this.#derived.get(entry, this.#form.key, () => this.#form.part(object()));
  }
}

/** What a watcher is told where its objects cannot be shown in its version; the conversion's own maker logs why. */
function conversionError(error: unknown): StatusError {
  return error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error));
}
