import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '#client/create-client.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { startApiServer } from '../support/api-server.ts';

const PLAIN = 'a-secret-that-nobody-else-would-write';
const CONTROL = 'a-config-map-that-is-not-sealed';

test('data at rest: secrets are sealed in every file of the store, also those that were replaced', async () => {
  await using api = await startApiServer();
  const admin = createClient(api.server.inProcess({ name: 'test', groups: ['system:masters'] }));
  const base64 = Buffer.from(PLAIN).toString('base64');
  const metadata = { name: 'sealed', namespace: 'default' };
  const made = await admin.create(secret, { metadata, data: { password: base64 }, stringData: { other: PLAIN } });
  await admin.update(secret, { ...made, data: { password: base64, more: base64 } });
  await admin.create(configMap, { metadata, data: { control: CONTROL } });
  const holds = (text: string) =>
    readdirSync(api.folder)
      .filter((name) => name.startsWith('state.db'))
      .filter((name) => readFileSync(join(api.folder, name)).includes(text));
  assert.notDeepEqual(holds(CONTROL), [], 'the test looks where data is');
  for (const text of [PLAIN, base64]) assert.deepEqual(holds(text), []);
});

test('data at rest: nobody but the owner reads keys and data', async () => {
  await using api = await startApiServer();
  const files = readdirSync(api.folder, { recursive: true, encoding: 'utf8' });
  assert.ok(files.some((name) => name.endsWith('.key')));
  for (const name of files) {
    const { mode } = statSync(join(api.folder, name));
    const isPublic = name.endsWith('.crt') || name.endsWith('.pub') || statSync(join(api.folder, name)).isDirectory();
    if (!isPublic) assert.equal(mode & 0o077, 0, `${name}: ${(mode & 0o777).toString(8)}`);
    assert.equal(mode & 0o022, 0, `${name}: ${(mode & 0o777).toString(8)}`);
  }
});
