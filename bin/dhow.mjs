#!/usr/bin/env node
// Started by any Node from 20 on; hands over to the Node 26 that the package pins, which runs the built bundle.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(root, 'dist', 'dhow.mjs');

function fail(message) {
  process.stderr.write(`dhow: ${message}\n`);
  process.exit(1);
}

function pinnedNode() {
  if (process.platform !== 'linux') fail(`runs on Linux only, this is ${process.platform}`);
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
}

if (!existsSync(bundle)) fail('the program is not built: run npm run setup');
const pinned = pinnedNode();
const major = Number(process.versions.node.split('.')[0]);
if (pinned === process.execPath || (!pinned && major >= 26)) {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.(join(root, 'dist', '.compile-cache'));
  const { main } = await import(bundle);
  await main(process.argv.slice(2));
} else if (!pinned) {
  fail(`needs Node 26: the package node-linux-${process.arch} is not installed (npm install without --omit=optional)`);
} else if (process.execve) {
  process.execve(
    pinned,
    [pinned, ...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    process.env,
  );
} else {
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`cannot start ${pinned}: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
