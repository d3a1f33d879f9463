import { define, draftOf } from '../object.ts';
import type { FieldSchema, Schema, StructSchema } from '../schema/schema.ts';
import { badRequestError, type StatusError } from '../status.ts';
import { followsOrder, identity, orderMerged } from './strategic-order.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ORDER = '$setElementOrder/';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';

type JsonObject = Record<string, unknown>;

/**
 * Applies a strategic merge patch and returns the result; `target` and `patch` are not changed. Lists whose field has
 * the strategy `merge` are merged by its merge key, all others are replaced. Source: Kubernetes API conventions,
 * "Strategic Merge Patch". Throws BadRequest where the patch is malformed; the real server answers 500 for some of
 * these, with the same messages.
 */
export function applyStrategicMergePatch(target: unknown, patch: unknown, schema: StructSchema): unknown {
  if (patch === null) return draftOf(target);
  if (!isObject(patch)) throw badRequestError('Invalid JSON Patch');
  return mergeObject(isObject(target) ? draftOf(target) : {}, draftOf(patch), schema);
}

/** Both arguments are drafts of ours: they are changed, and parts of them are part of the result. */
function mergeObject(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return obeyDirective(patch);
  retainKeys(target, patch);
  mergeOrderedLists(target, patch, schema);
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (key.startsWith(DELETE_FROM_LIST)) deleteScalars(target, key.slice(DELETE_FROM_LIST.length), value);
    else if (value === null) delete target[key];
    else if (!Object.hasOwn(target, key) || shapeOf(target[key]) !== shapeOf(value)) {
      const added = withoutDirectives(value);
      if (added !== undefined) define(target, key, added);
    } else define(target, key, mergeValue(target[key], value, lookUp(schema, key, value)));
  }
  return target;
}

function obeyDirective(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownPatchType(directive, patch);
  delete patch[DIRECTIVE];
  return patch;
}

function mergeValue(target: unknown, value: unknown, field: MergeField): unknown {
  if (isObject(target) && isObject(value)) {
    return field.strategy === 'replace' ? value : mergeObject(target, value, field.schema);
  }
  if (Array.isArray(target) && Array.isArray(value)) {
    return field.strategy === 'merge' ? mergeList(target, value, field) : value;
  }
  return value;
}

/** `$retainKeys` names the only members that survive; everything the patch sets must be among them. */
function retainKeys(target: JsonObject, patch: JsonObject): void {
  const retained = patch[RETAIN_KEYS];
  if (retained === undefined) return;
  delete patch[RETAIN_KEYS];
  const malformed = 'invalid patch format of retainKeys';
  if (!Array.isArray(retained)) throw badRequestError(malformed);
  const kept = new Set<unknown>(retained);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(SET_ORDER)) continue;
    if (!kept.has(key)) throw badRequestError(malformed);
  }
  for (const key of Object.keys(target)) if (!kept.has(key)) delete target[key];
}

/** Merges the lists that `$setElementOrder/x` speaks of, and takes them out of the patch. */
function mergeOrderedLists(target: JsonObject, patch: JsonObject, schema: Schema | undefined): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(SET_ORDER)) continue;
    const order = listOf(patch[directive]);
    delete patch[directive];
    const key = directive.slice(SET_ORDER.length);
    const live = Object.hasOwn(target, key) ? listOf(target[key]) : undefined;
    const patched = Object.hasOwn(patch, key) ? listOf(patch[key]) : undefined;
    const field = lookUp(schema, key, order);
    checkOrder(patched ?? [], order, field.mergeKey);
    if (!live && !patched) continue;
    delete patch[key];
    define(target, key, orderMerged(mergedList(live, patched, field), order, live ?? [], field.mergeKey));
  }
}

function mergedList(live: unknown[] | undefined, patched: unknown[] | undefined, field: MergeField): unknown[] {
  if (!live) return withoutDirectives(patched) as unknown[]; // A list stays a list.
  if (!patched) return live;
  return field.strategy === 'merge' ? mergeList([...live], patched, field) : patched;
}

function checkOrder(patched: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): void {
  if (mergeKey !== undefined) for (const item of order) requireMergeKey(item, mergeKey);
  const kept = patched.filter((item) => !(isObject(item) && item[DIRECTIVE] === 'delete'));
  if (!followsOrder(kept, order, mergeKey)) {
    throw badRequestError(
      `The order in patch list:\n${show(patched)}\n doesn't match $setElementOrder list:\n${show(order)}\n`,
    );
  }
}

function mergeList(target: unknown[], patch: unknown[], field: MergeField): unknown[] {
  if (target.length === 0 && patch.length === 0) return target;
  if (elementShape([...target, ...patch]) !== 'object') {
    return orderMerged([...new Set([...target, ...patch])], patch, target, undefined);
  }
  const { mergeKey } = field;
  if (mergeKey === undefined) throw badRequestError(`cannot merge lists without merge key for ${field.name}`);
  const { live, items } = obeyItemDirectives(target, patch, mergeKey);
  const merged = [...live];
  for (const item of items) {
    const key = requireMergeKey(item, mergeKey);
    const at = merged.findIndex((other) => identity(other, mergeKey) === key);
    const found = merged[at];
    if (isObject(found) && isObject(item)) merged[at] = mergeObject(found, item, field.items);
    else merged.push(withoutDirectives(item));
  }
  return orderMerged(merged, items, live, mergeKey);
}

/** Carries out `$patch` items: what is left of the live list, and the items that are still to be merged into it. */
function obeyItemDirectives(
  target: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { readonly live: readonly unknown[]; readonly items: readonly unknown[] } {
  const items: unknown[] = [];
  let live = target;
  let replace = false;
  for (const item of patch) {
    if (!isObject(item) || !Object.hasOwn(item, DIRECTIVE)) {
      items.push(item);
      continue;
    }
    const directive = item[DIRECTIVE];
    if (directive === 'replace') replace = true;
    else if (directive === 'delete') {
      const key = requireMergeKey(item, mergeKey);
      live = live.filter((other) => identity(other, mergeKey) !== key);
    } else if (directive === 'merge') throw badRequestError('merging lists cannot yet be specified in the patch');
    else throw unknownPatchType(directive, item);
  }
  return replace ? { live: items, items: [] } : { live, items };
}

/** A deletion that does not fit what is there (no such field, no list) does nothing. */
function deleteScalars(target: JsonObject, key: string, values: unknown): void {
  const live = Object.hasOwn(target, key) ? target[key] : undefined;
  if (!Array.isArray(live) || !Array.isArray(values)) return;
  const unwanted = new Set<unknown>(values);
  define(
    target,
    key,
    live.filter((item) => !unwanted.has(item)),
  );
}

/** What a patch adds where nothing was: nulls and directives mean nothing there. undefined: it deletes itself. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !(isObject(item) && item[DIRECTIVE] === 'replace' && Object.keys(item).length === 1))
      .map(withoutDirectives)
      .filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  if (value[DIRECTIVE] === 'delete') return undefined;
  const result: JsonObject = {};
  for (const [key, part] of Object.entries(value)) {
    if (part === null || key === DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(SET_ORDER) || key.startsWith(DELETE_FROM_LIST)) continue;
    const kept = withoutDirectives(part);
    if (kept !== undefined) define(result, key, kept);
  }
  return result;
}

/** What the schema says of merging one member. */
interface MergeField {
  readonly name: string;
  readonly strategy: 'merge' | 'replace' | '';
  readonly mergeKey: string | undefined;
  /** Schema of an object, or of the objects in a list. */
  readonly schema: Schema | undefined;
  readonly items: Schema | undefined;
}

const PLAIN_FIELD = { name: '', strategy: '', mergeKey: undefined, items: undefined } as const;

function lookUp(schema: Schema | undefined, key: string, value: unknown): MergeField {
  if (schema?.kind === 'map') {
    return { ...PLAIN_FIELD, schema: schema.values, items: itemsOf(schema.values) };
  }
  if (schema?.kind !== 'struct') return { ...PLAIN_FIELD, schema: undefined };
  const field = schema.fields.get(key);
  if (field) return mergeField(field, schema.shortName);
  if (value !== null && typeof value === 'object') {
    throw badRequestError(`unable to find api field in struct ${schema.shortName} for the json field ${show(key)}`);
  }
  return { ...PLAIN_FIELD, schema: undefined };
}

function mergeField(field: FieldSchema, owner: string): MergeField {
  const strategies = (field.patchStrategy ?? '').split(',');
  return {
    name: owner,
    strategy: strategies.includes('merge') ? 'merge' : strategies.includes('replace') ? 'replace' : '',
    mergeKey: field.patchMergeKey,
    schema: field.schema,
    items: itemsOf(field.schema),
  };
}

function itemsOf(schema: Schema): Schema | undefined {
  return schema.kind === 'list' ? schema.items : undefined;
}

function requireMergeKey(item: unknown, mergeKey: string): unknown {
  if (!isObject(item)) throw badRequestError(`invalid object type, expected a map, got ${shapeOf(item)}`);
  if (!Object.hasOwn(item, mergeKey)) {
    throw badRequestError(`map: ${show(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return item[mergeKey];
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw badRequestError(`expected a list, but received a ${shapeOf(value)}`);
  return value;
}

function elementShape(items: readonly unknown[]): string {
  const shapes = new Set(items.map(shapeOf));
  if (shapes.has('list')) throw badRequestError('lists of lists are not supported');
  if (shapes.size > 1) throw badRequestError(`list element types are not identical: ${show(items)}`);
  return [...shapes][0] ?? 'object';
}

function shapeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

function unknownPatchType(directive: unknown, patch: JsonObject): StatusError {
  return badRequestError(`unknown patch type: ${show(directive)} in map: ${show(patch)}`);
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part));
}

function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
