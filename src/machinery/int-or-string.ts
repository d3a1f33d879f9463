import type { IntOrString } from './types/meta-v1.ts';

/** Counts that may be given as a share of a whole: `2`, `25%`. Source: apimachinery, IntOrString. */

/** The count itself, or the share of `total`, rounded as the field's documentation has it. */
export function scaledValue(value: IntOrString, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number' || !value.endsWith('%')) return numberIn(value);
  const exact = (numberIn(value) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** The number in a count or a share: 25 for `25%`; 0 where there is none. */
export function numberIn(value: IntOrString | undefined): number {
  return typeof value === 'string' ? Number.parseInt(value, 10) || 0 : (value ?? 0);
}
