import assert from 'node:assert/strict';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { importsOf, isTest, sourceFiles } from './sources.ts';

/** Who may import whom (design, "Folders and who may import whom"). A folder may always import itself and base. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  machinery: [],
  streams: ['machinery'],
  pki: [],
  store: ['machinery'],
  client: ['machinery', 'streams'],
  reconciler: ['machinery', 'client'],
  resources: ['machinery', 'client', 'reconciler'],
  apiserver: ['machinery', 'store', 'resources', 'pki', 'streams', 'client'],
  scheduler: ['machinery', 'client', 'reconciler', 'resources'],
  controllers: ['machinery', 'client', 'reconciler', 'resources'],
  kubelet: ['machinery', 'client', 'reconciler', 'resources', 'streams'],
  network: ['machinery', 'client', 'reconciler', 'resources'],
  cmd: ['*'],
};

function topFolder(path: string): string {
  return path.split('/')[1] ?? '';
}

function target(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1).split('/')[0];
  if (!specifier.startsWith('.')) return undefined;
  return topFolder(normalize(join(dirname(from), specifier)));
}

test('tidy: every folder imports only what the design allows it', () => {
  const wrong: string[] = [];
  for (const file of sourceFiles('src')) {
    if (isTest(file.path)) continue;
    const folder = topFolder(file.path);
    const list = allowed[folder];
    if (!list) {
      wrong.push(`${file.path}: src/${folder} is not in the whitelist`);
      continue;
    }
    for (const specifier of importsOf(file.text)) {
      const to = target(file.path, specifier);
      if (to === undefined || to === folder || to === 'base' || list.includes('*') || list.includes(to)) continue;
      wrong.push(`${file.path} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('tidy: nothing that the declarations of kinds reach sees client or reconciler', () => {
  const sources = new Map(sourceFiles('src').map((file) => [file.path, file.text]));
  const reached = new Set<string>();
  const wrong: string[] = [];
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const specifier of importsOf(sources.get(path) ?? '')) {
      if (/^#(client|reconciler)\//.test(specifier)) wrong.push(`${path} imports ${specifier}`);
      if (specifier.startsWith('.')) visit(normalize(join(dirname(path), specifier)));
    }
  };
  visit('src/resources/manifest.ts');
  assert.deepEqual(wrong, []);
});

test('tidy: the generic registry names no kind', () => {
  const wrong = sourceFiles('src/apiserver/registry')
    .filter((file) => !isTest(file.path))
    .flatMap((file) =>
      importsOf(file.text)
        .filter((specifier) => specifier.startsWith('#resources/'))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
  assert.deepEqual(wrong, []);
});

test('tidy: folders of src are imported by their # name', () => {
  const wrong = sourceFiles('src').flatMap((file) =>
    importsOf(file.text)
      .filter((specifier) => specifier.startsWith('.') && target(file.path, specifier) !== topFolder(file.path))
      .map((specifier) => `${file.path} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

/** The files of ours that a file needs when it runs: types are gone by then. */
function needs(path: string, text: string): readonly string[] {
  const running = text.replaceAll(/^(?:import|export) type [^;]*;$/gm, '');
  return importsOf(running)
    .filter((specifier) => /^[.#]/.test(specifier))
    .map((specifier) =>
      specifier.startsWith('#') ? `src/${specifier.slice(1)}` : normalize(join(dirname(path), specifier)),
    );
}

test('tidy: no file needs a file that needs it', () => {
  const sources = new Map(sourceFiles('src').map(({ path, text }) => [path, needs(path, text)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
    if (way.includes(path) || done.has(path)) return;
    for (const needed of sources.get(path) ?? []) visit(needed, [...way, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  assert.deepEqual(circles, []);
});
