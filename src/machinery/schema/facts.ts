import type { StructSchema } from './schema.ts';

/** The schema of a built-in kind, compiled from the fact tables on first use. */
export function kindSchema(group: string, version: string, kind: string): StructSchema {
  throw new Error(`no schema for ${group}/${version} ${kind}`);
}
