import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { pauseExecutable } from './pause-elf.ts';

test('pause: waits until it is told to end, then ends well', {
  skip: process.arch !== 'x64' && process.arch !== 'arm64',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-pause-'));
  try {
    const file = join(folder, 'pause');
    writeFileSync(file, pauseExecutable(process.arch === 'x64' ? 'amd64' : 'arm64'), { mode: 0o755 });
    const child = spawn(file, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    await systemClock.sleep(50);
    assert.equal(child.exitCode, null);
    child.kill('SIGCHLD');
    await systemClock.sleep(20);
    assert.equal(child.exitCode, null);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('pause: both architectures assemble to executables of their machine', () => {
  assert.equal(Buffer.from(pauseExecutable('amd64')).readUInt16LE(18), 62);
  const arm = Buffer.from(pauseExecutable('arm64'));
  assert.equal(arm.readUInt16LE(18), 183);
  assert.equal((arm.length - 120) % 4, 0);
});
