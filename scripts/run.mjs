// Runs a TypeScript file of the project under the pinned Node 26: node scripts/run.mjs FILE [ARGUMENT...]
import { spawn } from 'node:child_process';
import { node26, root } from './node26.mjs';

const [file, ...args] = process.argv.slice(2);
const child = spawn(node26(), [file, ...args], { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
