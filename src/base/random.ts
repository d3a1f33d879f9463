import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** The letters of generated names: no vowels and no look-alikes, so that no word appears by chance. */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Where randomness comes from; a seeded one makes a simulation repeatable. */
export interface Randomness {
  uuid(): string;
  /** `length` letters of the alphabet of generated names. */
  suffix(length: number): string;
  /** A number in [0, 1). */
  fraction(): number;
  bytes(length: number): Uint8Array;
}

export const systemRandomness: Randomness = {
  uuid: () => randomUUID(),
  suffix: (length) => Array.from({ length }, () => NAME_ALPHABET[randomInt(NAME_ALPHABET.length)]).join(''),
  fraction: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (length) => randomBytes(length),
};
