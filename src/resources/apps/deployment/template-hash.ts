import type { PodTemplateSpec } from '#machinery/types/core-v1.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';

const SAFE_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The name part that tells a template's replica sets and pods from others': FNV-1a of the template, in letters that
 * spell nothing. `collisionCount` makes another one where a name is taken. It is stable for a template; it differs from
 * the value that upstream computes from Go's in-memory form.
 */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const text = templateText(template) + (collisionCount === undefined ? '' : `#${collisionCount}`);
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  const digits = Array.from(String(hash));
  return digits.map((digit) => SAFE_LETTERS[digit.charCodeAt(0) % SAFE_LETTERS.length]).join('');
}

/** Whether two templates describe the same pods; the hash label does not count. */
export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return a === b || templateText(a) === templateText(b);
}

/** Frozen templates are compared again and again: their text is made once. */
const texts = new WeakMap<PodTemplateSpec, string>();

function templateText(template: PodTemplateSpec): string {
  let text = texts.get(template);
  if (text === undefined) {
    const { [TEMPLATE_HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
    text = canonicalText({ ...template, metadata: { ...template.metadata, labels } });
    texts.set(template, text);
  }
  return text;
}

/** JSON with sorted keys and without what is empty or null: a default written out as `{}` changes nothing. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? '';
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const);
  const kept = entries.filter(([, inner]) => !isEmpty(inner));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
