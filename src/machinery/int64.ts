/**
 * A 64-bit integer of the API. A `bigint` only where the value is outside the safe integers, so that
 * nothing is rounded; use `Number(value)` where an approximation of such a value is good enough.
 */
export type Int64 = number | bigint;
