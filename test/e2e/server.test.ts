import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestCluster, waitFor } from '../support/cluster.ts';
import { realTool, runTool } from '../support/kubectl.ts';

const NOBODY = 65_534;
const program = join(import.meta.dirname, '../../bin/dhow.mjs');

/** `dhow server` as an ordinary user, ended when disposed of. */
class AloneServer implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'dhow-server-'));
  readonly child: ChildProcess;
  output = '';

  private constructor(port: number, more: readonly string[]) {
    chownSync(this.folder, NOBODY, NOBODY);
    const identity = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
    const flags = ['--data-dir', this.folder, '--api-port', String(port), ...more];
    this.child = spawn('setpriv', [...identity, process.execPath, program, 'server', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (data: Buffer) => {
      this.output += data.toString();
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
  }

  static async start(more: readonly string[] = []): Promise<AloneServer> {
    const server = new AloneServer(await freePort(), more);
    await waitFor(
      'the server',
      () => {
        if (server.child.exitCode !== null) throw new Error(server.output);
        return server.output.includes('The API server is up');
      },
      20_000,
    );
    return server;
  }

  kubectl(...args: readonly string[]) {
    return runTool(realTool('kubectl'), args, {
      env: { KUBECONFIG: join(this.folder, 'kubeconfig'), HOME: this.folder },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

test('server: an ordinary user runs the control plane, and the real kubectl uses it', async () => {
  await using server = await AloneServer.start();
  await waitFor('the default account', () => server.kubectl('get', 'serviceaccount', 'default').code === 0);
  assert.equal(server.kubectl('create', 'deployment', 'web', '--image=web:1').code, 0);
  await waitFor('the pod', () =>
    server.kubectl('get', 'pods', '-l', 'app=web', '-o', 'name').stdout.startsWith('pod/web-'),
  );
  const pending = await waitFor('the scheduler', () => {
    const { stdout } = server.kubectl(
      'get',
      'events',
      '-o',
      'jsonpath={.items[?(@.reason=="FailedScheduling")].message}',
    );
    return stdout || undefined;
  });
  assert.match(pending, /no nodes available to schedule pods/);
  assert.equal(statSync(join(server.folder, 'kubeconfig')).mode & 0o777, 0o600);
});

test('server: controllers are chosen by name, as upstream writes them', async () => {
  await using server = await AloneServer.start(['--controllers=*,-deployment-controller', '--disable-scheduler']);
  await waitFor('the default account', () => server.kubectl('get', 'serviceaccount', 'default').code === 0);
  server.kubectl('create', 'deployment', 'web', '--image=web:1');
  const quota = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'once' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'web:1' }] } } },
  };
  runTool(realTool('kubectl'), ['create', '-f', '-'], {
    input: JSON.stringify(quota),
    env: { KUBECONFIG: join(server.folder, 'kubeconfig') },
  });
  await waitFor('the job controller', () => server.kubectl('get', 'pods', '-o', 'name').stdout.startsWith('pod/once-'));
  assert.equal(server.kubectl('get', 'replicasets', '-o', 'name').stdout, '', 'the deployment controller does not run');
});

test('server: ends with 0 on SIGTERM, and everything acknowledged is there again', async () => {
  const server = await AloneServer.start(['--disable-scheduler']);
  assert.equal(server.kubectl('create', 'configmap', 'kept', '--from-literal=a=b').code, 0);
  assert.equal(
    server.kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=word=plaintext-that-must-not-be-seen').code,
    0,
  );
  server.child.kill('SIGTERM');
  assert.deepEqual(await once(server.child, 'exit'), [0, null]);
  const database = join(server.folder, 'server', 'store.db');
  assert.ok(existsSync(database));
  const base64 = Buffer.from('plaintext-that-must-not-be-seen').toString('base64');
  for (const text of ['plaintext-that-must-not-be-seen', base64])
    assert.ok(!readFileSync(database, 'latin1').includes(text));
  rmSync(server.folder, { recursive: true });
});

test('server: an unknown controller and a bad switch are one line', () => {
  const run = (...flags: readonly string[]) => runTool(process.execPath, [program, 'server', ...flags]);
  assert.match(
    run('--controllers=nonsense').stderr,
    /^dhow: --controllers: "nonsense" is not in the list of known controllers\n$/,
  );
  assert.match(run('--runtime-config=a=b').stderr, /^dhow: --runtime-config takes NAME=true or NAME=false, not a=b\n$/);
});

test('up --foreground runs until a signal, then stops the cluster', async () => {
  const cluster = new TestCluster(`fore-${process.pid}`);
  try {
    const args = [
      'up',
      '--name',
      cluster.name,
      '--data-dir',
      cluster.dataDir,
      '--kubeconfig',
      cluster.kubeconfig,
      '--resolv-conf=',
      '--foreground',
    ];
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    await waitFor('the cluster', () => output.includes('is up'), 30_000);
    assert.equal(cluster.tryKubectl(['get', 'nodes']).code, 0);
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    const status = cluster.dhow('status').stdout;
    for (const part of ['supervisor', 'server', 'agent']) assert.match(status, new RegExp(`${part} +not running`));
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
});
