import ipaddr from 'ipaddr.js';
import { type Cidr, parseCidr } from '#machinery/validation/net.ts';

/** Families as the API names them. */
export type IpFamily = 'IPv4' | 'IPv6';

/** Addresses below it are preferred for those who choose one themselves. Source: KEP-3070. */
const BAND = { min: 16n, max: 256n, step: 16n };

/** The addresses of one network that services may have: all but that of the network and, in IPv4, the broadcast one. */
export interface AddressRange {
  readonly cidr: string;
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
  /** How many of the first addresses are given out only when the others are used up. */
  readonly band: bigint;
}

/** Undefined where the text is no CIDR. */
export function addressRange(text: string): AddressRange | undefined {
  const cidr = parseCidr(text);
  if (!cidr) return undefined;
  const family = cidr.family === 4 ? 'IPv4' : 'IPv6';
  const size = 1n << BigInt((cidr.family === 4 ? 32 : 128) - cidr.bits);
  const network = networkOf(cidr, size);
  const last = network + size - (cidr.family === 4 ? 2n : 1n);
  return { cidr: text, family, first: network + 1n, last, band: bandOf(size) };
}

export function holds({ family, first, last }: AddressRange, address: string): boolean {
  if (familyOf(address) !== family) return false;
  const value = valueOf(address);
  return value >= first && value <= last;
}

/**
 * Every address of the range once: the upper part first, each part from a random place on (`fraction` gives a number in
 * [0, 1)).
 */
export function* candidates({ family, first, last, band }: AddressRange, fraction: () => number): Generator<string> {
  const border = first + band;
  for (const [low, high] of [
    [border, last],
    [first, border - 1n < last ? border - 1n : last],
  ] as const) {
    if (low > high) continue;
    const size = high - low + 1n;
    const start = randomBelow(size, fraction);
    for (let step = 0n; step < size; step++) yield textOf(low + ((start + step) % size), family);
  }
}

/** The family of an address that has been validated. */
export function familyOf(address: string): IpFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

function networkOf({ address }: Cidr, size: bigint): bigint {
  const value = valueOf(address);
  return value - (value % size);
}

function bandOf(size: bigint): bigint {
  if (size <= BAND.min) return 0n;
  const band = size / BAND.step;
  if (band < BAND.min) return BAND.min;
  return band > BAND.max ? BAND.max : band;
}

function valueOf(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function textOf(value: bigint, family: IpFamily): string {
  const bytes = Array.from({ length: family === 'IPv4' ? 4 : 16 }, (_, at, length = family === 'IPv4' ? 4 : 16) =>
    Number((value >> BigInt(8 * (length - 1 - at))) & 0xffn),
  );
  const address = ipaddr.fromByteArray(bytes);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** A number has 47 random bits or more; what a range has beyond 2^47 stays at its low end. */
function randomBelow(size: bigint, fraction: () => number): bigint {
  const limit = size > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(size);
  return BigInt(Math.floor(fraction() * limit));
}
