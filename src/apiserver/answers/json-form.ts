import { stringifyJson } from '#machinery/codec/json.ts';
import {
  jsonBookmarkFrame,
  jsonFrame,
  type JsonItem,
  jsonItem,
  jsonList,
  jsonObject,
  jsonTypeMeta,
} from '../cache/json-bytes.ts';
import type { Form, ListMetadata, Shown } from './form.ts';

const PARTIAL_LIST = 'PartialObjectMetadataList';

/** Upstream's empty list of metadata has no items at all. */
function noItems(meta: ListMetadata): Uint8Array {
  return Buffer.from(`"metadata":${JSON.stringify(meta)},"items":null}\n`);
}

const NEWLINE = Buffer.from('\n');

/** Compact JSON, cut so that answers, lists and events share the bytes of an object. */
export function jsonForm({ naming, pick }: Shown): Form<JsonItem> {
  const { kind, listKind, apiVersion, typedItems } = naming;
  const typeMeta = jsonTypeMeta(apiVersion, kind);
  const listTypeMeta = jsonTypeMeta(apiVersion, listKind);
  return {
    key: `${apiVersion}|${kind}|json`,
    contentType: 'application/json',
    part(object) {
      const value = jsonItem(pick(object), stringifyJson);
      return { value, bytes: value.bytes.length };
    },
    whole: (part) => [...jsonObject(typeMeta, part), NEWLINE],
    list(parts, meta) {
      if (listKind === PARTIAL_LIST && parts.length === 0) return [listTypeMeta, noItems(meta)];
      const items = typedItems ? parts.map((part) => typed(typeMeta, part)) : parts;
      return [...jsonList(listTypeMeta, meta, items)];
    },
    stream: {
      contentType: 'application/json',
      firstDiffers: false,
      event: ({ type, revision }, part) => jsonFrame(type, typeMeta, part, revision),
      bookmark: (revision, end) => jsonBookmarkFrame({ apiVersion, kind }, revision, end),
      error: jsonErrorFrame,
    },
  };
}

export function jsonErrorFrame(status: object): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
}

/** An item that names its type. */
function typed(typeMeta: Uint8Array, item: JsonItem): JsonItem {
  return { ...item, bytes: Buffer.concat([typeMeta, item.bytes.subarray(1)]) };
}
