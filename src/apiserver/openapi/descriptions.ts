import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { factsPath } from '#machinery/schema/table.ts';

/** Texts of one type: of itself under '', of its fields under their names. */
export type TypeDescriptions = Readonly<Record<string, string>>;

/** Definition name -> texts. */
export type Descriptions = Readonly<Record<string, TypeDescriptions>>;

const NONE: Descriptions = Object.freeze({});

let held: WeakRef<Descriptions> | undefined;

/**
 * The texts of the built-in API, which a build takes from a package (scripts/generate/descriptions.ts). Without them
 * documents have no descriptions. Kept only as long as somebody uses them: they are needed for moments, and are large.
 */
export function loadDescriptions(): Descriptions {
  const known = held?.deref();
  if (known) return known;
  const loaded = read();
  held = new WeakRef(loaded);
  return loaded;
}

function read(): Descriptions {
  const file = join(factsPath('v1.36.json'), '../../../dist/descriptions.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Descriptions;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NONE;
    throw error;
  }
}
