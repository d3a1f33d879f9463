import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemRandomness } from '#base/random.ts';
import { aesGcm, isSealed, loadEncryptionKeys } from './encryption.ts';

const folder = mkdtempSync(join(tmpdir(), 'dhow-keys-'));
after(() => rmSync(folder, { recursive: true }));

const plain = new TextEncoder().encode('{"kind":"Secret"}');
const key = '/registry/secrets/default/token';
const keyOf = (name: string) => ({ name, secret: systemRandomness.bytes(32) });

describe('encryption at rest', () => {
  test('a sealed value opens again, names its provider and key, and does not hold the plain text', () => {
    const transformer = aesGcm({ keys: [keyOf('key1')] }, systemRandomness);
    const sealed = transformer.seal(key, plain);
    assert.ok(isSealed(sealed));
    assert.ok(Buffer.from(sealed).toString('latin1').startsWith('k8s:enc:aesgcm:v1:key1:'));
    assert.equal(Buffer.from(sealed).indexOf('Secret'), -1);
    assert.deepEqual(new Uint8Array(transformer.open(key, sealed)), plain);
  });

  test('a value that was changed or moved to another key path is refused', () => {
    const transformer = aesGcm({ keys: [keyOf('key1')] }, systemRandomness);
    const sealed = transformer.seal(key, plain);
    assert.throws(() => transformer.open('/registry/secrets/kube-system/token', sealed), /belongs to another key/);
    const changed = Uint8Array.from(sealed);
    changed[changed.length - 20] = (changed[changed.length - 20] ?? 0) ^ 1;
    assert.throws(() => transformer.open(key, changed), /was changed/);
    assert.throws(() => transformer.open(key, sealed.subarray(0, 30)), /cut short/);
  });

  test('a plain value opens as it is, and a new first key still opens what the former one sealed', () => {
    const [first, second] = [keyOf('a'), keyOf('b')];
    const sealed = aesGcm({ keys: [first] }, systemRandomness).seal(key, plain);
    const rotated = aesGcm({ keys: [second, first] }, systemRandomness);
    assert.deepEqual(new Uint8Array(rotated.open(key, sealed)), plain);
    assert.equal(rotated.open(key, plain), plain);
    assert.throws(() => aesGcm({ keys: [second] }, systemRandomness).open(key, sealed), /"a", which is not known/);
  });

  test('the key file is made once, for its owner alone, and a bad one is refused', () => {
    const path = join(folder, 'encryption.json');
    const made = loadEncryptionKeys(path, systemRandomness);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const read = loadEncryptionKeys(path, systemRandomness);
    assert.deepEqual(Buffer.from(read.keys[0]?.secret ?? []), Buffer.from(made.keys[0]?.secret ?? []));
    writeFileSync(path, '{"keys":[{"name":"key1","secret":"c2hvcnQ="}]}');
    assert.throws(() => loadEncryptionKeys(path, systemRandomness), /not a file of encryption keys/);
  });
});
