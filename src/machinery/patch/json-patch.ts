import { requireJsonDepth } from '../codec/json.ts';
import { define, draftOf } from '../object.ts';
import { badRequestError, entityTooLargeError, failure, type StatusError } from '../status.ts';

export interface JsonPatchLimits {
  readonly maxOperations: number;
  /** Bytes of JSON that all `copy` operations of one patch may add up to. */
  readonly maxCopiedBytes: number;
}

/** The API server's own limits. */
export const jsonPatchLimits: JsonPatchLimits = { maxOperations: 10_000, maxCopiedBytes: 3 * 1024 * 1024 };

/** Nesting of a patch, and of a document while it is patched. No object that is decoded later may be as deep. */
export const MAX_PATCH_DEPTH = 2_000;

/** Objects and arrays of a patch in which a number is written otherwise than the server writes it (`2.0`, `2e0`). */
const oddlyWritten = new WeakSet<object>();

/**
 * Decodes the body of a JSON patch. A `test` compares numbers as they are written, so their text is looked at here;
 * integers that a number cannot hold become `bigint`. Throws BadRequest.
 */
export function parseJsonPatch(text: string): unknown {
  try {
    requireJsonDepth(text, MAX_PATCH_DEPTH);
    return JSON.parse(text, reviveNumber);
  } catch (error) {
    throw badRequestError(`error decoding patch: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function reviveNumber(this: object, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined) return value;
  if (/^-?\d+$/.test(source) && !Number.isSafeInteger(value)) return BigInt(source);
  if (source !== String(value)) oddlyWritten.add(this);
  return value;
}

/**
 * Applies RFC 6902 operations to a copy of `document`. Throws BadRequest where `patch` is no list of operations, and
 * Invalid (422) where an operation cannot be carried out or a test fails. Three habits of the real server are kept:
 * `replace` creates a missing member of an object, `test` takes a missing member for null, and negative indexes count
 * from the end.
 */
export function applyJsonPatch(document: unknown, patch: unknown, limits: JsonPatchLimits = jsonPatchLimits): unknown {
  const operations = operationsOf(patch);
  if (operations.length > limits.maxOperations) {
    throw entityTooLargeError(
      `Request entity too large: The allowed maximum operations in a JSON patch is ${limits.maxOperations}, got ${operations.length}`,
    );
  }
  let root: unknown = draftOf(document);
  let copiedBytes = 0;
  for (const operation of operations) {
    if (operation === null) throw rejected();
    if (operation['path'] === '' && operation['op'] === 'replace') {
      root = draftOf(containerOf(operation['value']));
      continue;
    }
    if (operation['op'] !== 'copy') {
      carryOut(root, operation);
      continue;
    }
    const copied = memberAt(place(root, operation['from']));
    requireDepth(copied);
    const value = draftOf(copied);
    copiedBytes += jsonBytes(value);
    const target = place(root, operation['path']);
    if (copiedBytes > limits.maxCopiedBytes) throw rejected();
    add(target, value);
  }
  requireDepth(root);
  return root;
}

/** Operations can stack what is shallow on its own; whoever reads the result does so recursively. */
function requireDepth(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_PATCH_DEPTH) throw rejected();
    level = level.flatMap((value) => (value !== null && typeof value === 'object' ? Object.values(value) : []));
  }
}

type Operation = Readonly<Record<string, unknown>>;
type Container = Record<string, unknown> | unknown[];

/** A container that exists, and the last step of a path into it. */
interface Place {
  readonly container: Container;
  readonly key: string;
}

function operationsOf(patch: unknown): readonly (Operation | null)[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw badRequestError('json: cannot unmarshal patch into a list of operations');
  for (const operation of patch) {
    if (operation !== null && !isObject(operation))
      throw badRequestError('json: cannot unmarshal operation into an object');
    for (const member of ['op', 'path', 'from']) {
      if (typeof (operation?.[member] ?? '') !== 'string')
        throw badRequestError(`json: cannot unmarshal ${member} into a string`);
    }
  }
  return patch;
}

function carryOut(root: unknown, operation: Operation): void {
  const value = operation['value'] ?? null;
  switch (operation['op']) {
    case 'add':
      return add(place(root, operation['path']), value);
    case 'remove':
      return remove(place(root, operation['path']));
    case 'replace':
      return replace(place(root, operation['path']), value);
    case 'move': {
      const from = place(root, operation['from']);
      const moved = memberAt(from);
      remove(from);
      return add(place(root, operation['path']), moved);
    }
    case 'test':
      return test(operation['path'] === '' ? root : memberAt(place(root, operation['path'])), operation);
    default:
      throw rejected();
  }
}

/** Upstream hides what was wrong with an operation behind this general text. */
function rejected(): StatusError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

function place(root: unknown, path: unknown): Place {
  if (typeof path !== 'string') throw rejected();
  const steps = path.split('/').slice(1).map(unescapeStep);
  const key = steps.pop();
  if (key === undefined) throw rejected();
  let container = root;
  for (const step of steps) container = memberAt({ container: containerOf(container), key: step });
  return { container: containerOf(container), key };
}

function unescapeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function containerOf(value: unknown): Container {
  if (Array.isArray(value) || isObject(value)) return value;
  throw rejected();
}

/** An absent member of an object is null; an index outside a list is an error. */
function memberAt({ container, key }: Place): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : null;
  return container[indexIn(container, key, container.length)];
}

function indexIn(list: readonly unknown[], key: string, end: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw rejected();
  const index = Number(key);
  const counted = index < 0 ? index + end : index;
  if (counted < 0 || counted >= Math.max(end, list.length)) throw rejected();
  return counted;
}

function add({ container, key }: Place, value: unknown): void {
  const own = draftOf(value);
  if (!Array.isArray(container)) define(container, key, own);
  else if (key === '-') container.push(own);
  else container.splice(indexIn(container, key, container.length + 1), 0, own);
}

function replace(at: Place, value: unknown): void {
  if (Array.isArray(at.container)) at.container[indexIn(at.container, at.key, at.container.length)] = draftOf(value);
  else define(at.container, at.key, draftOf(value));
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(indexIn(container, key, container.length), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) throw rejected();
  delete container[key];
}

function test(actual: unknown, operation: Operation): void {
  const expected = operation['value'] ?? null;
  if (typeof expected === 'number' && oddlyWritten.has(operation)) throw rejected();
  if (!sameJson(actual, expected)) throw rejected();
}

/** `expected` comes from a patch: a number in it that is written oddly equals nothing. */
function sameJson(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return !oddlyWritten.has(expected) && expected.every((item, index) => sameJson(actual[index], item));
  }
  if (isObject(expected)) {
    if (!isObject(actual) || oddlyWritten.has(expected)) return false;
    const keys = Object.keys(expected);
    return (
      keys.length === Object.keys(actual).length &&
      keys.every((key) => Object.hasOwn(actual, key) && sameJson(actual[key], expected[key]))
    );
  }
  return actual === expected;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? Number(part) : part)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
