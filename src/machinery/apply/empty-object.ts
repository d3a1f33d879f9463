import { define } from '../object.ts';
import type { Schema, StructSchema } from '../schema/schema.ts';
import { zeroScalar } from './atom.ts';

const cache = new WeakMap<StructSchema, Readonly<Record<string, unknown>>>();

/**
 * The object of a type in which nothing is set: only the fields that served JSON always shows. It is what a create
 * starts from, so that nobody comes to own `spec` as such. Frozen.
 */
export function emptyObject(schema: StructSchema): Readonly<Record<string, unknown>> {
  const known = cache.get(schema);
  if (known) return known;
  const result: Record<string, unknown> = {};
  for (const [name, field] of schema.fields) {
    if (field.zero === 'null') define(result, name, null);
    else if (field.zero === 'always') define(result, name, emptyValue(field.schema));
  }
  cache.set(schema, Object.freeze(result));
  return result;
}

function emptyValue(schema: Schema): unknown {
  switch (schema.kind) {
    case 'struct':
      return emptyObject(schema);
    case 'list':
      return null;
    case 'map':
      return null;
    default:
      return zeroScalar(schema.type);
  }
}
