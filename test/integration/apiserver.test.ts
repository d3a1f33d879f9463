import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { realTool, type ToolResult } from '../support/kubectl.ts';

const WATCH_MS = 20_000;

describe('API server with the real kubectl', () => {
  let api: TestApiServer;

  before(async () => {
    api = await startApiServer();
  });

  after(async () => {
    await api[Symbol.asyncDispose]();
  });

  /** The server runs in this process: kubectl must not block it. */
  function kubectl(args: readonly string[], input = ''): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(realTool('kubectl'), ['--kubeconfig', api.kubeconfig, ...args]);
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
      child.stdin.end(input);
    });
  }

  async function ok(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await kubectl(args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  test('a config map is created, shown, changed and deleted', async () => {
    await ok(['create', 'configmap', 'a', '--from-literal=k=v']);
    assert.equal(await ok(['get', 'configmap', 'a', '-o', 'jsonpath={.data.k}']), 'v');
    assert.match(await ok(['get', 'configmaps']), /NAME\s+DATA\s+AGE\na\s+1\s+\d+s/);
    await ok(['label', 'configmap', 'a', 'x=y']);
    await ok(['patch', 'configmap', 'a', '--type=merge', '-p', '{"data":{"k":"w"}}']);
    assert.equal(await ok(['get', 'cm', '-l', 'x=y', '-o', 'jsonpath={.items[*].data.k}']), 'w');
    await ok(['delete', 'configmap', 'a']);
    const gone = await kubectl(['get', 'configmap', 'a']);
    assert.match(gone.stderr, /configmaps "a" not found/);
  });

  test('apply creates, changes what differs, and leaves the rest alone', async () => {
    const manifest = (value: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { k: value } });
    assert.match(await ok(['apply', '-f', '-'], manifest('1')), /created/);
    assert.match(await ok(['apply', '-f', '-'], manifest('1')), /unchanged/);
    assert.match(await ok(['apply', '-f', '-'], manifest('2')), /configured/);
    assert.match(
      await ok(['apply', '--server-side', '--force-conflicts', '-f', '-'], manifest('3')),
      /serverside-applied/,
    );
    const diff = await kubectl(['diff', '-f', '-'], manifest('4'));
    assert.equal(diff.code, 1, 'diff says with 1 that there is a difference');
    assert.match(diff.stdout, /\+\s+k: "4"/);
  });

  test('a watch shows every change', async () => {
    const child = spawn(realTool('kubectl'), [
      '--kubeconfig',
      api.kubeconfig,
      'get',
      'cm',
      '-w',
      '-o',
      'name',
      '-n',
      'kube-public',
    ]);
    const lines: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
    try {
      await ok(['create', 'cm', 'watched', '-n', 'kube-public']);
      await ok(['label', 'cm', 'watched', '-n', 'kube-public', 'a=b']);
      await ok(['delete', 'cm', 'watched', '-n', 'kube-public']);
      const seen = () => lines.filter((line) => line === 'configmap/watched').length;
      for (let waited = 0; seen() < 3 && waited < WATCH_MS; waited += 100) await sleep(100);
      assert.ok(seen() >= 3, `seen: ${lines.join(', ')}`);
    } finally {
      child.kill();
    }
  });

  test('a Secret that kubectl sends as protobuf comes back as it was', async () => {
    await ok(['create', 'secret', 'generic', 's', '--from-literal=password=geheim']);
    assert.equal(await ok(['get', 'secret', 's', '-o', 'jsonpath={.data.password}']), 'Z2VoZWlt');
  });

  test('errors are told in the words of Kubernetes', async () => {
    const forbidden = await kubectl(['get', 'pods', '--as', 'nobody']);
    assert.match(
      forbidden.stderr,
      /pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"/,
    );
    const invalid = await kubectl(['create', 'cm', 'Bad_Name']);
    assert.match(invalid.stderr, /ConfigMap "Bad_Name" is invalid: metadata.name/);
    const unknown = await kubectl(['get', 'nothings']);
    assert.match(unknown.stderr, /the server doesn't have a resource type "nothings"/);
    const twice = await kubectl(['create', 'ns', 'default']);
    assert.match(twice.stderr, /namespaces "default" already exists/);
  });

  test('discovery, version and permissions answer', async () => {
    assert.match(await ok(['version']), /Server Version: v1\.36/);
    assert.match(await ok(['api-resources', '--api-group=apps']), /deployments\s+deploy\s+apps\/v1/);
    assert.match(await ok(['auth', 'can-i', 'delete', 'nodes']), /yes/);
    assert.match(await ok(['explain', 'pod.spec.containers']), /KIND:\s+Pod/);
    assert.equal(await ok(['get', '--raw', '/readyz']), 'ok');
    assert.match(await ok(['get', '--raw', '/metrics']), /apiserver_request_total\{/);
  });

  test('paged lists hold everything once', async () => {
    for (let index = 0; index < 7; index++) await ok(['create', 'cm', `page-${index}`, '-n', 'kube-node-lease']);
    const names = await ok(['get', 'cm', '-n', 'kube-node-lease', '--chunk-size=3', '-o', 'name']);
    const pages = names.split('\n').filter((name) => name.startsWith('configmap/page-'));
    assert.equal(new Set(pages).size, 7);
    assert.equal(pages.length, 7);
  });

  test('a Service gets an address, and its deletion frees it', async () => {
    await ok(['create', 'service', 'nodeport', 'web', '--tcp=80:80']);
    const address = await ok(['get', 'svc', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    assert.match(address, /^10\.43\./);
    await ok(['get', 'ipaddress', address]);
    await ok(['delete', 'svc', 'web']);
    assert.notEqual((await kubectl(['get', 'ipaddress', address])).code, 0);
  });
});
