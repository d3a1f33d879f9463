/**
 * JSON as the client needs it: bytes to plain values and back, with integers beyond 2^53 as bigint so that an update
 * does not round them. Answers come from a server that we trust to send well-formed objects, so no schema is applied.
 */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value, bigintAsNumber));
}

/** Throws SyntaxError where the bytes are not JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  return LONG_INTEGER.test(text) ? JSON.parse(text, keepLongIntegers) : JSON.parse(text);
}

/** In Node since 21, not yet in TypeScript's library. */
const { rawJSON: rawJson } = JSON as typeof JSON & { rawJSON(text: string): unknown };
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** A run of digits that could be an unsafe integer; the exact, slower way is taken only for bodies that have one. */
const LONG_INTEGER = /[:[,\s]-?\d{16}/;

function bigintAsNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(value.toString()) : value;
}

function keepLongIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}
