/** A number or a name or percentage. Source: apimachinery, IntOrString. */
export type IntOrString = number | string;

const PERCENT = /^[+-]?\d+%$/;

/** A percentage of `total`, or the number itself. Undefined where the text is neither a number of percent nor an integer. */
export function scaledValue(value: IntOrString, total: number, round: 'up' | 'down'): number | undefined {
  if (typeof value === 'number') return value;
  const percent = percentOf(value);
  if (percent === undefined) return undefined;
  const exact = (percent * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

/** 25 for `25%`; undefined where the text is no percentage. */
export function percentOf(value: IntOrString): number | undefined {
  return typeof value === 'string' && PERCENT.test(value) ? Number(value.slice(0, -1)) : undefined;
}

/** The integer it stands for: text that is no integer is 0. */
export function intValue(value: IntOrString): number {
  if (typeof value === 'number') return value;
  return /^[+-]?\d+$/.test(value) ? Number(value) : 0;
}
