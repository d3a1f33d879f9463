// `npm test`: set-up, check, then the integration and end-to-end tests against the built program.
import { spawnSync } from 'node:child_process';
import { setup } from './setup.mjs';

await setup();
const { node26, root } = await import('./node26.mjs');

function run(name, args) {
  process.stdout.write(`test: ${name}\n`);
  const { status } = spawnSync(node26(), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    process.stderr.write(`test: ${name} failed\n`);
    process.exit(1);
  }
}

run('check', ['scripts/check.mjs']);
const timed = ['--test', '--test-concurrency=1'];
run('integration', [...timed, '--test-timeout=300000', 'test/integration/**/*.test.ts']);
run('crash', [...timed, '--test-timeout=300000', 'test/crash/**/*.test.ts']);
run('end to end', [...timed, '--test-timeout=900000', 'test/e2e/**/*.test.ts']);
