/** `npm run build`: the bundle in dist/ that everything but unit tests runs. Each process loads only its own chunk. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { writeDescriptions } from './generate/descriptions.ts';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist');

const bundle = await rolldown({
  input: {
    dhow: join(root, 'src/cmd/main.ts'),
    'store-worker': join(root, 'src/store/embedded/worker-entry.ts'),
    'control-worker': join(root, 'src/cmd/server/control-worker.ts'),
  },
  platform: 'node',
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
writeDescriptions();
