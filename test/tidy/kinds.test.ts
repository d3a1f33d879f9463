import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importsOf, root } from './sources.ts';

const resources = join(root, 'src/resources');

function kindFolders(): readonly string[] {
  return readdirSync(resources, { withFileTypes: true })
    .filter((group) => group.isDirectory())
    .flatMap((group) =>
      readdirSync(join(resources, group.name), { withFileTypes: true })
        .filter((kind) => kind.isDirectory())
        .map((kind) => `${group.name}/${kind.name}`),
    );
}

function listed(list: string): readonly string[] {
  return importsOf(readFileSync(join(resources, list), 'utf8')).filter((specifier) => specifier.startsWith('./'));
}

test('tidy: every folder of a kind is in manifest.ts, and every line of it has a folder', () => {
  const folders = kindFolders().map((kind) => `./${kind}/${kind.split('/')[1]}.ts`);
  const declared = folders.filter((file) => existsSync(join(resources, file)));
  assert.deepEqual([...listed('manifest.ts')].sort(), [...declared].sort());
  assert.deepEqual(
    folders.filter((file) => !declared.includes(file)),
    [],
    'folders without a declaration',
  );
});

test('tidy: every controller.ts of a kind is in controllers.ts, and the other way round', () => {
  const files = kindFolders()
    .map((kind) => `./${kind}/controller.ts`)
    .filter((file) => existsSync(join(resources, file)));
  assert.deepEqual([...listed('controllers.ts')].sort(), [...files].sort());
});
