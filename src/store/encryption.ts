import { createCipheriv, createDecipheriv } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Randomness } from '#base/random.ts';

/** Turns the bytes of an object into what lies in the store and back. The key path is part of what is authenticated. */
export interface ValueTransformer {
  seal(key: string, plain: Uint8Array): Uint8Array;
  /** Throws where the value was changed, moved to another key, or sealed with a key that is not known. */
  open(key: string, stored: Uint8Array): Uint8Array;
}

/** AES-256 keys by name; the first one seals, all open. Source: apiserver.config.k8s.io/v1 EncryptionConfiguration. */
export interface EncryptionKeys {
  readonly keys: readonly { readonly name: string; readonly secret: Uint8Array }[];
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Every encrypted value starts so; what follows names the provider and the key. */
const SEALED = 'k8s:enc:';
const AES_GCM = 'k8s:enc:aesgcm:v1:';
/** Longest prefix that is looked at for the name of the key. */
const MAX_PREFIX_BYTES = 256;

/** Whether the value was sealed by any provider. */
export function isSealed(stored: Uint8Array): boolean {
  return startsWith(stored, SEALED);
}

/**
 * AES-256-GCM under the prefix `k8s:enc:aesgcm:v1:<key name>:`, then nonce, ciphertext and tag; upstream's form.
 * A value without the prefix is plain and opens as it is, so that encryption can be turned on over existing data.
 */
export function aesGcm({ keys }: EncryptionKeys, random: Randomness): ValueTransformer {
  const [newest] = keys;
  if (!newest) throw new Error('encryption at rest needs a key');
  const secrets = new Map(keys.map(({ name, secret }) => [name, secret]));
  const prefix = Buffer.from(`${AES_GCM}${newest.name}:`);
  return {
    seal(key, plain) {
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', newest.secret, nonce).setAAD(Buffer.from(key));
      const body = cipher.update(plain);
      return Buffer.concat([prefix, nonce, body, cipher.final(), cipher.getAuthTag()]);
    },
    open(key, stored) {
      if (!isSealed(stored)) return stored;
      const { name, bodyAt } = readPrefix(key, stored);
      const secret = secrets.get(name);
      if (!secret) throw new Error(`${key}: sealed with the key ${JSON.stringify(name)}, which is not known here`);
      return openBody(key, secret, stored.subarray(bodyAt));
    },
  };
}

function readPrefix(key: string, stored: Uint8Array): { readonly name: string; readonly bodyAt: number } {
  if (!startsWith(stored, AES_GCM)) throw new Error(`${key}: sealed by a provider that is not known here`);
  const head = Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, MAX_PREFIX_BYTES));
  const end = head.indexOf(':', AES_GCM.length);
  if (end < 0) throw new Error(`${key}: the sealed value names no key`);
  return { name: head.toString('utf8', AES_GCM.length, end), bodyAt: end + 1 };
}

function openBody(key: string, secret: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error(`${key}: the sealed value is cut short`);
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(key))
    .setAuthTag(sealed.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  } catch (error) {
    throw new Error(`${key}: the sealed value was changed or belongs to another key`, { cause: error });
  }
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false;
  for (let index = 0; index < text.length; index++) if (bytes[index] !== text.charCodeAt(index)) return false;
  return true;
}

/**
 * Reads the key file, or makes one with a fresh key (mode 0600, durable before the first value is sealed with it).
 * The file is JSON: `{"keys":[{"name":"key1","secret":"<base64 of 32 bytes>"}]}`; the first key seals.
 */
export function loadEncryptionKeys(path: string, random: Randomness): EncryptionKeys {
  const text = readIfThere(path);
  if (text === undefined) return createKeyFile(path, random);
  const parsed: unknown = JSON.parse(text);
  const keys = isKeyFile(parsed)
    ? parsed.keys.map(({ name, secret }) => ({ name, secret: Buffer.from(secret, 'base64') }))
    : [];
  const bad = keys.length === 0 || keys.some(({ name, secret }) => name.includes(':') || secret.length !== KEY_BYTES);
  if (bad) throw new Error(`${path}: not a file of encryption keys: restore it from a backup`);
  return { keys };
}

function createKeyFile(path: string, random: Randomness): EncryptionKeys {
  const secret = random.bytes(KEY_BYTES);
  const content = JSON.stringify({ keys: [{ name: 'key1', secret: Buffer.from(secret).toString('base64') }] });
  const temporary = `${path}.new`;
  writeFileSync(temporary, content, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  const file = openSync(temporary, 'r');
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, path);
  return { keys: [{ name: 'key1', secret }] };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isKeyFile(value: unknown): value is { keys: readonly { name: string; secret: string }[] } {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  return value.keys.every(
    (key: unknown) =>
      typeof key === 'object' &&
      key !== null &&
      'name' in key &&
      typeof key.name === 'string' &&
      'secret' in key &&
      typeof key.secret === 'string',
  );
}
