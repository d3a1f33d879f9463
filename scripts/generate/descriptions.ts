/**
 * The texts of the built-in API for OpenAPI and `kubectl explain`, taken from the models of @kubernetes/client-node into
 * dist/descriptions.json. They are upstream's words, so they are made at build time and not committed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Facts {
  readonly types: Readonly<Record<string, { readonly fields?: Readonly<Record<string, unknown>> }>>;
}

const root = join(import.meta.dirname, '../..');
const models = join(root, 'node_modules/@kubernetes/client-node/dist/gen/models');

/** Definition name -> text of the type under '' and of its fields under their names. */
function readDescriptions(): Record<string, Record<string, string>> {
  const { types } = JSON.parse(readFileSync(join(root, 'data/api-facts/v1.36.json'), 'utf8')) as Facts;
  const result: Record<string, Record<string, string>> = {};
  for (const [name, { fields }] of Object.entries(types)) {
    const text = modelText(name);
    if (text === undefined) continue;
    const names = new Map(Object.keys(fields ?? {}).map((field) => [modelName(field), field]));
    result[name] = readModel(text, names);
  }
  return result;
}

export function writeDescriptions(): void {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'dist/descriptions.json'), JSON.stringify(readDescriptions()));
}

/** Where two groups have a type of one name, the models put the group before it. */
function modelText(name: string): string | undefined {
  const parts = name.split('.');
  const [group = '', version = '', kind = ''] = parts.slice(-3);
  const versioned = `${upperFirst(version)}${kind}`;
  for (const candidate of [`${upperFirst(group)}${versioned}`, versioned]) {
    const file = join(models, `${candidate}.d.ts`);
    if (existsSync(file)) return readFileSync(file, 'utf8');
  }
  return undefined;
}

/** Property name of a field: names that TypeScript reserves get an underscore, others lose their signs. */
function modelName(field: string): string {
  const plain = field.replace(/^\$/, '').replace(/-/g, '_');
  return /^(continue|default|enum|from|in|for)$/.test(plain) ? `_${plain}` : plain;
}

function readModel(text: string, names: ReadonlyMap<string, string>): Record<string, string> {
  const result: Record<string, string> = {};
  const own = /\/\*\*\n((?:\*.*\n)+)\*\/\nexport declare class/.exec(text);
  if (own?.[1]) result[''] = plainText(own[1]);
  for (const [, comment = '', property = ''] of text.matchAll(/\/\*\*\n((?:\s*\*.*\n)+?)\s*\*\/\n\s*'([^']+)'\??:/g)) {
    const field = names.get(property) ?? names.get(property.replace(/^_/, ''));
    if (field) result[field] = plainText(comment);
  }
  return result;
}

function plainText(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim()
    .replace(/\\(['"])/g, '$1');
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

if (import.meta.main) writeDescriptions();
