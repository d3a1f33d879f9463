import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateTypes } from '../../scripts/generate/types.ts';
import { root } from './sources.ts';

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
}

test('tidy: every top folder of src has a README', () => {
  const without = readdirSync(join(root, 'src')).filter(
    (folder) => !existsSync(join(root, 'src', folder, 'README.md')),
  );
  assert.deepEqual(without, []);
});

test('tidy: docs/dependencies.md has a row for each dependency, and no other', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const wanted = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].flatMap(Object.keys);
  const rows = [...readFileSync(join(root, 'docs/dependencies.md'), 'utf8').matchAll(/^\| `([^`]+)` \|/gm)];
  assert.deepEqual(rows.map((row) => row[1] ?? '').sort(), wanted.sort());
});

test('tidy: the generated types are what the facts give', () => {
  const folder = join(root, 'src/machinery/types');
  const expected = generateTypes(join(root, 'data/api-facts/v1.36.json'));
  assert.deepEqual(readdirSync(folder).sort(), [...expected.keys()].sort());
  for (const [file, text] of expected) assert.equal(readFileSync(join(folder, file), 'utf8'), text, file);
});

test('tidy: decisions are numbered without gaps or doubles', () => {
  const numbers = readdirSync(join(root, 'docs/adr'))
    .filter((name) => name !== 'README.md')
    .map((name) => Number(/^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]));
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    numbers.map((_number, index) => index + 1),
  );
});

test('tidy: no path of a developer machine and no registry host is in the project', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const private_ = new RegExp(
    `${['/wo', 'rk/(main|shared|\\.lib)'].join('')}|${['registry', 'npmjs', 'org'].join('\\.')}`,
  );
  const wrong = files.filter(
    (file) => existsSync(join(root, file)) && private_.test(readFileSync(join(root, file), 'latin1')),
  );
  assert.deepEqual(wrong, []);
});
