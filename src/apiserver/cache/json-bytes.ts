import type { KubeObject } from '#machinery/object.ts';

/**
 * An object as JSON, cut so that every answer can be put together from the same buffer: items of a list carry neither
 * kind nor apiVersion, a single object and a watch event do, and a deleted object shows the revision of its deletion.
 */
export interface JsonItem {
  /** `{"metadata":{...},...}`, without kind and apiVersion. */
  readonly bytes: Uint8Array;
  /** Where the digits of metadata.resourceVersion lie in `bytes`. */
  readonly revisionStart: number;
  readonly revisionEnd: number;
}

/** `stringify` encodes one value (int64 included); undefined for what JSON leaves out. */
export function jsonItem(object: KubeObject, stringify: (value: unknown) => string | undefined): JsonItem {
  let text = '{';
  let revisionStart = 0;
  let revisionEnd = 0;
  for (const [name, value] of Object.entries(object)) {
    if (name === 'kind' || name === 'apiVersion') continue;
    if (name !== 'metadata') {
      text = withMember(text, name, stringify(value));
      continue;
    }
    text = `${text.length > 1 ? `${text},` : text}"metadata":{`;
    const metadataAt = text.length;
    for (const [field, content] of Object.entries(object.metadata)) {
      text = withMember(text, field, stringify(content), metadataAt);
      if (field !== 'resourceVersion') continue;
      // The digits stand between the quotes with which the text ends now.
      revisionEnd = text.length - 1;
      revisionStart = revisionEnd - String(content).length;
    }
    text += '}';
  }
  const bytes = encoder.encode(`${text}}`);
  if (bytes.length === text.length + 1) return { bytes, revisionStart, revisionEnd };
  const shift = encoder.encode(text.slice(0, revisionStart)).length - revisionStart;
  return { bytes, revisionStart: revisionStart + shift, revisionEnd: revisionEnd + shift };
}

const encoder = new TextEncoder();

function withMember(text: string, name: string, value: string | undefined, openedAt = 1): string {
  if (value === undefined) return text;
  return `${text}${text.length > openedAt ? ',' : ''}${JSON.stringify(name)}:${value}`;
}

/** What stands before an item that is an object of its own: `{"kind":"Pod","apiVersion":"v1",`. */
export function jsonTypeMeta(apiVersion: string, kind: string): Uint8Array {
  return encoder.encode(`{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`);
}

/** A single object. `revision`, where given, is shown instead of the item's own. */
export function jsonObject(typeMeta: Uint8Array, item: JsonItem, revision?: number): readonly Uint8Array[] {
  const { bytes, revisionStart, revisionEnd } = item;
  if (revision === undefined) return [typeMeta, bytes.subarray(1)];
  return [typeMeta, bytes.subarray(1, revisionStart), encoder.encode(String(revision)), bytes.subarray(revisionEnd)];
}

const EVENT_ENDS: Readonly<Record<'ADDED' | 'MODIFIED' | 'DELETED', Uint8Array>> = {
  ADDED: encoder.encode('{"type":"ADDED","object":'),
  MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
  DELETED: encoder.encode('{"type":"DELETED","object":'),
};
const FRAME_END = encoder.encode('}\n');

/** One line of a watch: a single buffer, since all watchers with the same filter send the same one. */
export function jsonFrame(
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  typeMeta: Uint8Array,
  item: JsonItem,
  revision?: number,
): Uint8Array {
  return Buffer.concat([EVENT_ENDS[type], ...jsonObject(typeMeta, item, revision), FRAME_END]);
}

/** A line of a watch that says how far it has come. Source: meta/v1 WatchEvent, annotation k8s.io/initial-events-end. */
export function jsonBookmarkFrame(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  revision: number,
  initialEventsEnd: boolean,
): Uint8Array {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion: String(revision), ...annotations };
  return encoder.encode(`${JSON.stringify({ type: 'BOOKMARK', object: { kind, apiVersion, metadata } })}\n`);
}

const COMMA = encoder.encode(',');
const LIST_END = encoder.encode(']}\n');

/** A list as buffers, never joined: `{"kind":...,"apiVersion":...,"metadata":{...},"items":[` item `,` item `]}`. */
export function* jsonList(
  typeMeta: Uint8Array,
  metadata: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number },
  items: Iterable<JsonItem>,
): Generator<Uint8Array> {
  yield typeMeta;
  yield encoder.encode(`"metadata":${JSON.stringify(metadata)},"items":[`);
  let first = true;
  for (const item of items) {
    if (!first) yield COMMA;
    first = false;
    yield item.bytes;
  }
  yield LIST_END;
}
