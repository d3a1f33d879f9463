import { stringifyJson } from '#machinery/codec/json.ts';

/** JSON bytes; integers beyond 2^53 that came in as bigint go out as they were, so that an update does not round them. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(stringifyJson(value));
}

/**
 * What a server answered, with integers beyond 2^53 as bigint. It is trusted to send well-formed objects, so the checks
 * of `parseJson` (repeated keys, depth), which cost another pass over every watch event, are left out. Throws
 * SyntaxError where the bytes are not JSON.
 */
export function decodeJson(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  return LONG_INTEGER.test(text) ? JSON.parse(text, keepLongIntegers) : JSON.parse(text);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** A run of digits that could be an unsafe integer; the exact, slower way is taken only for bodies that have one. */
const LONG_INTEGER = /[:[,\s]-?\d{16}/;

function keepLongIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}
