import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bridgeName, tableName } from '#network/host-network.ts';
import type { NodeList, PodList, Service } from '#machinery/types/core-v1.ts';
import { dhow, http, TestCluster, waitFor } from '../support/cluster.ts';
import { runTool } from '../support/kubectl.ts';

const server = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    containers: [{ name: 'nginx', image: 'nginx:1', imagePullPolicy: 'IfNotPresent', ports: [{ containerPort: 80 }] }],
  },
};

/** TCP ports that a process listens on at addresses that are not the loopback's. */
function listeningPorts(pid: number): readonly number[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(
        (fields) =>
          fields[3] === '0A' && sockets.includes(`socket:[${fields[9]}]`) && !fields[1]?.startsWith('0100007F'),
      )
      .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)),
  );
}

function statusOf(url: string, identity: { readonly cert?: string; readonly key?: string } = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { rejectUnauthorized: false, agent: false, ...identity }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end();
  });
}

/** What every process was started with. A zombie has none: it runs no more and waits to be noticed. */
function commandLines(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return ''; // it has ended meanwhile
      }
    })
    .filter((line) => line !== '');
}

/** What is on the machine that a cluster could leave behind, a line each. */
function traces(): readonly string[] {
  const lines = (what: string, program: string, ...args: readonly string[]) =>
    runTool(program, args)
      .stdout.split('\n')
      .map((line) => line.replace(/<.*>/, '').trim())
      .filter(Boolean)
      .map((line) => `${what}: ${line}`);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount.includes('dhow'));
  return [
    ...lines('table', 'nft', 'list', 'tables'),
    ...lines('route', 'ip', 'route'),
    ...lines('link', 'ip', '-br', 'link'),
    ...lines('network namespace', 'ls', '/run/netns'),
    ...mounts.map((mount) => `mount: ${mount}`),
    ...commandLines().filter((line) => /containerd|dhow\.mjs/.test(line)),
  ];
}

describe('life cycle', { concurrency: false }, () => {
  let cluster: TestCluster;
  /** The application's address, which is asked while the API server is dead. */
  let url: string;
  const untouched = traces();

  before(async () => {
    cluster = await TestCluster.start(['busybox', 'nginx']);
    cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(server) });
    cluster.kubectl(['expose', 'pod', 'web', '--port=80']);
    cluster.kubectl(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s']);
    url = `http://${cluster.json<Service>(['get', 'service', 'web']).spec.clusterIP}/`;
    await waitFor('the application', async () => (await http(url)).status === 200);
  });
  after(() => cluster[Symbol.asyncDispose]());

  const containerId = () =>
    cluster.json<PodList>(['get', 'pods', '-l', 'app=web']).items?.[0]?.status.containerStatuses?.[0]?.containerID;

  test('up again finds the cluster running', () => {
    assert.match(cluster.up().stdout, /is up/);
  });

  test('status names the parts and says that the node is ready', () => {
    const status = cluster.dhow('status');
    assert.equal(status.code, 0, status.stdout + status.stderr);
    for (const part of ['supervisor', 'server', 'agent'])
      assert.match(status.stdout, new RegExp(`${part} +running \\(pid \\d+\\)`));
  });

  test('kubeconfigs are for their owner alone', () => {
    for (const file of [cluster.kubeconfig, cluster.dhow('kubeconfig', '--path').stdout.trim()]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    assert.match(cluster.kubectl(['config', 'current-context']), new RegExp(`dhow-${cluster.name}`));
  });

  test('keys, kubeconfigs and data are for root alone', () => {
    const loose = (folder: string): readonly string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return loose(path);
        return entry.isFile() && (statSync(path).mode & 0o077) !== 0 ? [path] : [];
      });
    assert.equal(statSync(cluster.dataDir).mode & 0o777, 0o700);
    assert.deepEqual(loose(join(cluster.dataDir, 'server')), []);
    assert.equal(statSync(join(cluster.dataDir, 'agent', 'credentials.json')).mode & 0o777, 0o600);
  });

  test('nothing listens but the API server, the kubelet and DNS', () => {
    const node = cluster.json<NodeList>(['get', 'nodes']).items?.[0];
    const api = Number(
      new URL(cluster.kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}'])).port,
    );
    const allowed = new Set([api, node?.status.daemonEndpoints?.kubeletEndpoint?.Port, 53]);
    const ours = (['supervisor', 'server', 'agent'] as const).flatMap((part) => listeningPorts(cluster.pid(part)));
    assert.deepEqual(
      ours.filter((port) => !allowed.has(port)),
      [],
    );
    assert.ok(ours.includes(api));
  });

  test('the kubelet answers neither strangers nor other users', async () => {
    const port = cluster.json<NodeList>(['get', 'nodes']).items?.[0]?.status.daemonEndpoints?.kubeletEndpoint?.Port;
    const node = JSON.parse(readFileSync(join(cluster.dataDir, 'agent', 'credentials.json'), 'utf8')) as {
      readonly network: { readonly certificate: string; readonly key: string };
    };
    const paths = [
      '/pods',
      '/exec/default/web/nginx?command=id',
      '/run/default/web/nginx',
      '/containerLogs/default/web/nginx',
      '/metrics',
    ];
    for (const path of paths) {
      assert.equal(await statusOf(`https://127.0.0.1:${port}${path}`), 401, path);
      const other = await statusOf(`https://127.0.0.1:${port}${path}`, {
        cert: node.network.certificate,
        key: node.network.key,
      });
      assert.ok(other === 403 || other === 404, `${path}: ${other}`);
    }
  });

  for (const part of ['agent', 'server', 'supervisor'] as const) {
    test(`kill -9 of the ${part} leaves pods running, and the cluster answers again`, async () => {
      const before = containerId();
      process.kill(cluster.pid(part), 'SIGKILL');
      assert.equal((await http(url)).status, 200, 'the application goes on');
      if (part === 'supervisor') cluster.up();
      await waitFor('the API', () => cluster.tryKubectl(['get', '--raw', '/readyz'], { timeoutMs: 5_000 }).code === 0);
      await waitFor('the parts', () => cluster.dhow('status').code === 0);
      assert.equal(containerId(), before, 'the same container');
      assert.equal((await http(url)).status, 200);
      cluster.kubectl([
        'run',
        `after-${part}`,
        '--image=busybox:test',
        '--image-pull-policy=IfNotPresent',
        '--restart=Never',
        '--',
        'nslookup',
        'web.default.svc.cluster.local',
      ]);
      cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/after-${part}`, '--timeout=60s']);
    });
  }

  test('an address that nobody owns is refused at once, from the host and from a pod', async () => {
    const base = cluster.json<Service>(['get', 'service', 'web']).spec.clusterIP?.split('.').slice(0, 2).join('.');
    const socket = connect(80, `${base}.200.200`);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    const wget = ['timeout', '5', 'wget', '-O-', `http://${base}.200.200/`];
    cluster.kubectl([
      'run',
      'refused',
      '--image=busybox:test',
      '--image-pull-policy=IfNotPresent',
      '--restart=Never',
      '--',
      ...wget,
    ]);
    cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Failed', 'pod/refused', '--timeout=30s']);
    assert.match(cluster.kubectl(['logs', 'refused']), /refused/i);
    const podRange = cluster
      .kubectl(['get', 'node', '-o', 'jsonpath={.items[0].spec.podCIDR}'])
      .split('.')
      .slice(0, 2)
      .join('.');
    const unowned = connect(80, `${podRange}.250.250`);
    const [unreachable] = (await once(unowned, 'error')) as [NodeJS.ErrnoException];
    assert.match(unreachable.code ?? '', /EHOSTUNREACH|ENETUNREACH|ECONNREFUSED/);
  });

  test('down stops everything and keeps the state; up goes on with the same pods', async () => {
    const uid = cluster.kubectl(['get', 'pod', 'web', '-o', 'jsonpath={.metadata.uid}']);
    assert.equal(cluster.dhow('down').code, 0);
    assert.equal(cluster.dhow('status').code, 1);
    cluster.up();
    assert.equal(cluster.kubectl(['get', 'pod', 'web', '-o', 'jsonpath={.metadata.uid}']), uid);
    cluster.kubectl(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s']);
    await waitFor('the application', async () => (await http(url)).status === 200);
  });

  test('two clusters run side by side, and deleting one leaves the other alone', async () => {
    const other = new TestCluster(`${cluster.name}-b`);
    try {
      other.up();
      assert.notEqual(
        other.kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}']),
        cluster.kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}']),
      );
      assert.equal(other.tryKubectl(['get', 'pod', 'web']).code, 1);
    } finally {
      await other[Symbol.asyncDispose]();
    }
    assert.equal((await http(url)).status, 200);
    assert.equal(cluster.dhow('status').code, 0);
  });

  test('delete leaves nothing behind', () => {
    const { dataDir } = cluster;
    assert.equal(cluster.dhow('delete', '--yes', '--kubeconfig', cluster.kubeconfig).code, 0);
    // other clusters of the machine may have gone meanwhile: what matters is that nothing has come
    assert.deepEqual(
      traces().filter((line) => !untouched.includes(line)),
      [],
    );
    assert.ok(!existsSync(dataDir));
    assert.ok(!existsSync(join('/run/dhow', cluster.name)));
    assert.ok(!readFileSync(cluster.kubeconfig, 'utf8').includes(cluster.name));
    for (const name of [tableName(cluster.name), bridgeName(cluster.name)]) {
      assert.ok(!traces().some((line) => line.includes(name)), name);
    }
  });
});

describe('bad input is one clear line and a non-zero exit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-bad-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const oneLine = (args: readonly string[], expected: RegExp) => {
    const { code, stderr } = dhow(args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, expected);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  };
  const fresh = (name: string) => [
    'up',
    '--name',
    `bad-${process.pid}`,
    '--data-dir',
    join(folder, name),
    '--kubeconfig',
    join(folder, 'kc'),
  ];

  test('unknown commands and flags', () => {
    oneLine(['fly'], /unknown command "fly": see dhow help/);
    oneLine(['up', '--sails', '3'], /unknown option '--sails': see dhow up --help/i);
    oneLine(['up', '--api-port', '99999'], /--api-port takes a port from 1 to 65535, not 99999/);
    oneLine(['up', '--name', 'No Good'], /--name takes up to 40 lower-case letters/);
    oneLine(['up', '--pod-cidr', '10.1.2.3/16'], /did you mean 10\.1\.0\.0\/16/);
    oneLine(['status', '--name', 'nobody'], /there is no cluster nobody: start one with dhow up/);
  });

  test('a taken port names its owner, and nothing is made', async () => {
    const blocker = createServer().listen(0);
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    oneLine(
      [...fresh('port'), '--api-port', String(port)],
      new RegExp(`port ${port} is taken by .*\\(pid ${process.pid}\\): stop it, or choose another with --api-port`),
    );
    assert.ok(!existsSync(join(folder, 'port')));
    blocker.close();
  });

  test('a corrupt kubeconfig is left as it is', () => {
    writeFileSync(join(folder, 'corrupt'), 'clusters: [\n');
    oneLine(
      [...fresh('kc').slice(0, -1), join(folder, 'corrupt')],
      /the kubeconfig .*corrupt is not valid YAML: repair it, or choose another with --kubeconfig/,
    );
    assert.equal(readFileSync(join(folder, 'corrupt'), 'utf8'), 'clusters: [\n');
    assert.ok(!existsSync(join(folder, 'kc')));
  });

  test('a data directory of another version is refused', () => {
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ format: 99, name: 'x' }));
    oneLine(
      ['up', '--data-dir', folder, '--kubeconfig', join(folder, 'kc')],
      /has data format 99, this version of dhow reads 1/,
    );
  });

  test('an ordinary user is told so', () => {
    const { code, stderr } = runTool('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      join(import.meta.dirname, '../../bin/dhow.mjs'),
      'up',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /not root/);
  });
});
