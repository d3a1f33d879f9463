// `npm run check`: format, lint, types, tidy, dead code and unit tests, in under two minutes.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { node26, root } from './node26.mjs';

const bin = (name) => join(root, 'node_modules/.bin', name);
const node = node26();
const path = `${join(node, '..')}:${process.env.PATH}`;

const stages = [
  ['format', bin('biome'), ['format', '--error-on-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings', 'src', 'test', 'scripts']],
  ['dead code', bin('knip'), []],
  ['tidy', node, ['--test', 'test/tidy/*.test.ts']],
  [
    'unit tests',
    node,
    [
      '--test',
      '--test-timeout=60000',
      '--test-concurrency=2',
      '--import',
      './test/support/fixed-seed.ts',
      'src/**/*.test.ts',
    ],
  ],
];

for (const [name, command, args] of stages) {
  const started = Date.now();
  process.stdout.write(`check: ${name}\n`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: path },
  });
  if (status !== 0) {
    process.stderr.write(`check: ${name} failed\n`);
    process.exit(1);
  }
  process.stdout.write(`check: ${name} passed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}
