/**
 * Resource quantities: exact decimal numbers with a preferred way of writing them. Values are whole nanos, the finest
 * that the API keeps; what is finer is rounded away from zero. Source: API reference, "Quantity".
 */
export interface Quantity {
  /** Value times 10^9. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
  /** The text it was parsed from where upstream keeps it as it is. */
  readonly text?: string;
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** Says in upstream's words what is wrong with a quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const NANO_DIGITS = 9;
const NANO = 10n ** BigInt(NANO_DIGITS);
const MILLI = 1_000_000n;
const MAX_BINARY = (2n ** 63n - 1n) * NANO;
/** Significant digits that fit an int64; with more, text is not kept. */
const INT64_DIGITS = 18;
/** Exponents beyond this are refused: no quantity needs them and their digits would fill memory. */
const MAX_EXPONENT = 1_000;
const MAX_TEXT = 4_096;

const FORM = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";

const DECIMAL_SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const BINARY_SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['Ki', 10],
  ['Mi', 20],
  ['Gi', 30],
  ['Ti', 40],
  ['Pi', 50],
  ['Ei', 60],
]);
const DECIMAL_BY_EXPONENT: ReadonlyMap<number, string> = new Map([...DECIMAL_SUFFIXES].map(([s, e]) => [e, s]));
const BINARY_BY_EXPONENT: ReadonlyMap<number, string> = new Map([...BINARY_SUFFIXES].map(([s, e]) => [e, s]));

/** Throws QuantityError. */
export function parseQuantity(text: string): Quantity {
  if (text === '0') return { nanos: 0n, format: 'DecimalSI', text };
  const match = text.length > 0 && text.length <= MAX_TEXT ? FORM.exec(text) : null;
  if (!match) throw new QuantityError(WRONG_FORM);
  const [, sign = '', digits = '', fraction = '', suffix = ''] = match;
  const { base, exponent, format } = readSuffix(suffix);
  const number = BigInt(digits + fraction || '0');
  const magnitude =
    base === 2
      ? ceilDivide(number * 2n ** BigInt(exponent) * NANO, 10n ** BigInt(fraction.length))
      : scaled(number, exponent - fraction.length + NANO_DIGITS);
  const capped = format === 'BinarySI' && magnitude > MAX_BINARY ? MAX_BINARY : magnitude;
  const tiny = format === 'BinarySI' && capped > 0n && capped < NANO;
  const nanos = sign === '-' ? -capped : capped;
  const value = { nanos, format: tiny ? 'DecimalSI' : format } as const;
  return keepsText({ digits, fraction, base, exponent }) ? { ...value, text } : value;
}

/** Whether a text is a quantity. */
export function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

/** A quantity of whole units. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { nanos: BigInt(value) * NANO, format };
}

/** The text that the API serves for it. */
export function showQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text;
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const binary = format === 'BinarySI' && nanos % NANO === 0n && absolute(nanos) >= 1024n * NANO;
  return binary ? showBinary(nanos / NANO) : showDecimal(nanos, format);
}

/** The text that the API serves for a quantity that a client wrote: `0.5` -> `500m`. Throws QuantityError. */
export function canonicalQuantity(text: string): string {
  return showQuantity(parseQuantity(text));
}

/** Negative, zero or positive, as a comes before, with or after b. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** The sum, in the format of `a` (of `b` where a is zero). */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** The difference, in the format of `a` (of `b` where a is zero). */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function negateQuantity({ nanos, format }: Quantity): Quantity {
  return { nanos: -nanos, format };
}

/** In thousandths, rounded away from zero. */
export function milliValue({ nanos }: Quantity): bigint {
  return roundAway(nanos, MILLI);
}

/** In whole units, rounded away from zero. */
export function wholeValue({ nanos }: Quantity): bigint {
  return roundAway(nanos, NANO);
}

/** As a floating-point number, for metrics and scores. */
export function approximateValue({ nanos }: Quantity): number {
  return nanos % NANO === 0n ? Number(nanos / NANO) : Number(nanos) / Number(NANO);
}

/** Rounded away from zero to thousandths, as the defaults of pods do; the text stays where nothing changes. */
export function roundToMilli(quantity: Quantity): Quantity {
  const { nanos, format } = quantity;
  return nanos % MILLI === 0n ? quantity : { nanos: roundAway(nanos, MILLI) * MILLI, format };
}

function readSuffix(suffix: string): { base: 2 | 10; exponent: number; format: QuantityFormat } {
  const binary = BINARY_SUFFIXES.get(suffix);
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' };
  const decimal = DECIMAL_SUFFIXES.get(suffix);
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1];
  if (exponent === undefined) throw new QuantityError(WRONG_SUFFIX);
  const value = Number(exponent);
  if (Math.abs(value) > MAX_EXPONENT) throw new QuantityError(WRONG_SUFFIX);
  return { base: 10, exponent: value, format: 'DecimalExponent' };
}

interface Parts {
  readonly digits: string;
  readonly fraction: string;
  readonly base: 2 | 10;
  readonly exponent: number;
}

/** Upstream serves a quantity unchanged where it takes its text for canonical, which is wider than what it writes. */
function keepsText({ digits, fraction, base, exponent }: Parts): boolean {
  const significant = digits.replace(/^0+/, '');
  if (significant === '' && fraction === '') return false;
  const whole = significant || '0';
  if (base === 2) {
    const room = 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1;
    return fraction === '' && room >= 0 && BigInt(whole) % 8n !== 0n;
  }
  const scale = exponent - fraction.length;
  if (whole.length + fraction.length > INT64_DIGITS || scale < -NANO_DIGITS) return false;
  return scale % 3 === 0 && !`${whole}${fraction}`.endsWith('000') && whole[0] !== '0';
}

function scaled(number: bigint, exponent: number): bigint {
  return exponent >= 0 ? number * 10n ** BigInt(exponent) : ceilDivide(number, 10n ** BigInt(-exponent));
}

function ceilDivide(number: bigint, divisor: bigint): bigint {
  return (number + divisor - 1n) / divisor;
}

function roundAway(number: bigint, divisor: bigint): bigint {
  return number < 0n ? -ceilDivide(-number, divisor) : ceilDivide(number, divisor);
}

function absolute(number: bigint): bigint {
  return number < 0n ? -number : number;
}

function showBinary(whole: bigint): string {
  let number = whole;
  let exponent = 0;
  while (exponent < 60 && number % 1024n === 0n) {
    number /= 1024n;
    exponent += 10;
  }
  return `${number}${BINARY_BY_EXPONENT.get(exponent) ?? ''}`;
}

function showDecimal(nanos: bigint, format: QuantityFormat): string {
  let number = nanos;
  let exponent = -NANO_DIGITS;
  while (number % 1000n === 0n && (format === 'DecimalExponent' || exponent < 18)) {
    number /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${number}` : `${number}e${exponent}`;
  return `${number}${DECIMAL_BY_EXPONENT.get(exponent) ?? ''}`;
}
