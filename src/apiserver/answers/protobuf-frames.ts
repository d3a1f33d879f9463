import type { ListMetadata } from './form.ts';

/** Messages around objects whose bytes are made already. Source: the protobuf wire format; runtime.Unknown, meta/v1 ListMeta and WatchEvent. */

const MAGIC = Buffer.from('k8s\0');
const NOTHING = Buffer.alloc(0);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Tag and length of a field of bytes, to be followed by the bytes. */
function head(field: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(length)]);
}

function text(field: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([head(field, bytes.length), bytes]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([head(field, value.length), value]);
}

function listMeta(meta: ListMetadata): Buffer {
  return Buffer.concat([
    text(1, ''),
    text(2, meta.resourceVersion),
    text(3, meta.continue ?? ''),
    meta.remainingItemCount === undefined
      ? NOTHING
      : Buffer.concat([Buffer.from([4 << 3]), varint(meta.remainingItemCount)]),
  ]);
}

/** A list in its envelope, in pieces: the items are not copied. */
export function protobufList(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  items: readonly Uint8Array[],
  meta: ListMetadata,
): readonly Uint8Array[] {
  const first = bytes(1, listMeta(meta));
  const chunks: Uint8Array[] = [];
  let length = first.length;
  for (const item of items) {
    const start = head(2, item.length);
    chunks.push(start, item);
    length += start.length + item.length;
  }
  const typeMeta = bytes(1, Buffer.concat([text(1, apiVersion), text(2, kind)]));
  return [
    Buffer.concat([MAGIC, typeMeta, head(2, length), first]),
    ...chunks,
    Buffer.concat([text(3, ''), text(4, '')]),
  ];
}

/** A watch event with its length before it; `object` is in its envelope. */
export function protobufEvent(type: string, object: Uint8Array): Uint8Array {
  const raw = bytes(1, object);
  const event = Buffer.concat([text(1, type), head(2, raw.length), raw]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}
