import { badRequestError } from '#machinery/status.ts';

const MAX_INT64 = 2n ** 63n - 1n;

/** An int64 of a query. Throws StatusError 400. */
export function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw notInteger(text, 'invalid syntax');
  const value = BigInt(text.replace('+', ''));
  if (value > MAX_INT64 || value < -MAX_INT64 - 1n) throw notInteger(text, 'value out of range');
  return Number(value);
}

function notInteger(text: string, why: string) {
  return badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
}
