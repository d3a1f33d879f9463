import { isObject } from './atom.ts';
import { compareValues } from './compare.ts';
import type { Conflict } from './conflicts.ts';
import { difference, emptySet, type FieldSet, hasPath } from './field-set.ts';
import { fieldsOf } from './field-sets.ts';
import { checkTyped } from './typed.ts';
import type { Versioned } from './updater.ts';

/** Where `kubectl apply` without --server-side keeps what it applied. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The manager whose applies take over what its client-side predecessor applied. */
export const KUBECTL = 'kubectl';

/** Bytes that all annotations of an object may have together. */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/**
 * The conflicts that remain when fields that the client-side apply set, and nobody has changed since, may be taken.
 * Source: server-side apply, "Upgrading from client-side apply to server-side apply".
 */
export function conflictsBeyondLastApplied(conflicts: readonly Conflict[], live: Versioned): readonly Conflict[] {
  const mine = lastAppliedFields(live);
  return conflicts.filter(({ path }) => !hasPath(mine, path));
}

function lastAppliedFields({ object, apiVersion, schema }: Versioned): FieldSet {
  const applied = parse(annotationsOf(object)[LAST_APPLIED]);
  if (!isObject(applied) || applied['apiVersion'] !== apiVersion || checkTyped(applied, schema).length > 0) {
    return emptySet;
  }
  const { added, modified, removed } = compareValues(applied, object, schema);
  return difference(difference(difference(fieldsOf(applied, schema), modified), added), removed);
}

function parse(text: unknown): unknown {
  if (typeof text !== 'string' || !text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // A broken annotation gives no rights.
  }
}

/** Keeps the annotation of the client-side apply true, where the object has one. Gives the object itself or a copy. */
export function withLastApplied(object: unknown, applied: unknown): unknown {
  if (!isObject(object) || !isObject(object['metadata'])) return object;
  const annotations = annotationsOf(object);
  if (!annotations[LAST_APPLIED]) return object;
  const text = `${JSON.stringify(withoutLastApplied(applied), (_key, part) => (typeof part === 'bigint' ? Number(part) : part))}\n`;
  const next: Record<string, unknown> = { ...annotations, [LAST_APPLIED]: text };
  if (annotationsBytes(next) > MAX_ANNOTATIONS_BYTES) delete next[LAST_APPLIED];
  return { ...object, metadata: { ...object['metadata'], annotations: next } };
}

function withoutLastApplied(applied: unknown): unknown {
  if (!isObject(applied) || !isObject(applied['metadata'])) return applied;
  if (!isObject(applied['metadata']['annotations'])) return applied;
  const { [LAST_APPLIED]: _, ...annotations } = applied['metadata']['annotations'];
  return { ...applied, metadata: { ...applied['metadata'], annotations } };
}

function annotationsOf(object: unknown): Readonly<Record<string, unknown>> {
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  return isObject(annotations) ? annotations : {};
}

function annotationsBytes(annotations: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  return bytes;
}
