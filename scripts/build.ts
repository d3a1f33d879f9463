/** `npm run build`: the bundle in dist/ that everything but unit tests runs. Each process loads only its own chunk. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { writeDescriptions } from './generate/descriptions.ts';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist');

/**
 * `import` of node:http evaluates every getter of it, and one loads the whole of node's fetch, which we do not use:
 * 40 ms and 10 MB in each process. Taken by getBuiltinModule, it stays unloaded.
 */
const httpWithoutFetch = {
  name: 'http-without-fetch',
  resolveId: (id: string, _importer: string | undefined, { kind }: { readonly kind: string }) =>
    id === 'node:http' && kind === 'import-statement' ? '\0node:http' : undefined,
  load(id: string) {
    if (id !== '\0node:http') return undefined;
    const names = Object.keys(http).filter((name) => !OF_FETCH.has(name));
    return names.map((name) => `export const ${name} = process.getBuiltinModule('node:http').${name};`).join('\n');
  },
};
const OF_FETCH = new Set(['WebSocket', 'CloseEvent', 'MessageEvent']);

const bundle = await rolldown({
  input: {
    dhow: join(root, 'src/cmd/main.ts'),
    'store-worker': join(root, 'src/store/embedded/worker-entry.ts'),
    'control-worker': join(root, 'src/cmd/server/control-worker.ts'),
  },
  platform: 'node',
  plugins: [httpWithoutFetch],
  cwd: root,
  resolve: { conditionNames: ['node', 'import', 'default'] },
});
rmSync(output, { recursive: true, force: true });
await bundle.write({
  dir: output,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: 'chunk-[name]-[hash].mjs',
  minify: { mangle: false, compress: true, codegen: { removeWhitespace: false } },
  sourcemap: true,
});
await bundle.close();
writeOneByteSources();
writeDescriptions();

/** V8 keeps a source in one byte a character only while every character of it is Latin-1. */
function writeOneByteSources(): void {
  for (const name of readdirSync(output).filter((file) => file.endsWith('.mjs'))) {
    const file = join(output, name);
    const code = readFileSync(file, 'utf8');
    const escaped = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    if (escaped !== code) writeFileSync(file, escaped);
  }
}
