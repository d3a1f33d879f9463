import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminCredential } from '#pki/identities.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { realTool, type ToolResult } from '../support/kubectl.ts';

const WATCH_MS = 20_000;

describe('API server with the real kubectl', () => {
  let api: TestApiServer;
  let credential: Awaited<ReturnType<typeof adminCredential>>;

  before(async () => {
    api = await startApiServer();
    credential = await adminCredential(api.pki);
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

  test('every type of patch changes its part', async () => {
    const pod = { name: 'c', image: 'i' };
    const spec = { containers: [pod, { ...pod, name: 'd' }], restartPolicy: 'Never' };
    const template = { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'patched' }, template: { spec } };
    await ok(['create', '-f', '-'], JSON.stringify(template));
    const images = () => ok(['get', 'podtemplate', 'patched', '-o', 'jsonpath={.template.spec.containers[*].image}']);
    const patch = (type: string, text: unknown) =>
      kubectl(['patch', 'podtemplate', 'patched', `--type=${type}`, '-p', JSON.stringify(text)]);
    await patch('strategic', { template: { spec: { containers: [{ name: 'd', image: 'j' }] } } });
    assert.equal(await images(), 'i j', 'containers merge by name');
    await patch('merge', { template: { spec: { containers: [{ name: 'e', image: 'k' }] } } });
    assert.equal(await images(), 'k', 'a merge patch replaces lists');
    await patch('json', [{ op: 'replace', path: '/template/spec/containers/0/image', value: 'l' }]);
    assert.equal(await images(), 'l');
    const refused = await patch('json', [{ op: 'test', path: '/template/spec/containers/0/image', value: 'm' }]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /rejected our request/);
  });

  test('repeated keys of YAML warn, and are refused where they are validated strictly', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {k: "1", k: "2"}\n';
    const path = '/api/v1/namespaces/default/configmaps';
    const send = (query: string) => rawRequest(`${path}?${query}`, { 'content-type': 'application/yaml' }, text);
    const warned = await send('dryRun=All');
    assert.equal(warned.code, 201);
    assert.match(warned.warning, /line 4: key .*k.* already set in map/);
    assert.equal((await send('dryRun=All&fieldValidation=Ignore')).warning, '');
    assert.equal((await send('dryRun=All&fieldValidation=Strict')).code, 400);
  });

  test('a node is tainted, cordoned, drained and given back', async () => {
    await ok(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }));
    await ok(['taint', 'node', 'n', 'k=v:NoSchedule']);
    assert.match((await kubectl(['taint', 'node', 'n', 'k=v:NoSchedule'])).stderr, /already has k taint/);
    assert.match(await ok(['drain', 'n', '--ignore-daemonsets']), /node\/n drained/);
    const shown = await ok(['get', 'node', 'n', '-o', 'jsonpath={.spec.unschedulable} {.spec.taints[*].key}']);
    assert.equal(shown, 'true k node.kubernetes.io/not-ready');
    await ok(['uncordon', 'n']);
    await ok(['taint', 'node', 'n', 'k-']);
    await ok(['delete', 'node', 'n']);
  });

  test('wait, replace --force, diff --server-side and prune', async () => {
    const manifest = (name: string, value: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { set: 'pruned' } },
        data: { k: value },
      });
    const both = `${manifest('kept', '1')}\n${manifest('dropped', '1')}`;
    await ok(['apply', '-f', '-'], both);
    await ok(['wait', '--for=jsonpath={.data.k}=1', 'cm/kept', '--timeout=5s']);
    assert.match(await ok(['replace', '--force', '-f', '-'], manifest('kept', '2')), /configmap\/kept replaced/);
    const diff = await kubectl(['diff', '--server-side', '--force-conflicts', '-f', '-'], manifest('kept', '3'));
    assert.equal(diff.code, 1);
    assert.match(diff.stdout, /-\s+k: "2"\n\+\s+k: "3"/);
    const allowed = ['--prune', '--prune-allowlist=core/v1/ConfigMap', '-l', 'set=pruned'];
    assert.match(await ok(['apply', ...allowed, '-f', '-'], manifest('kept', '2')), /configmap\/dropped pruned/);
  });

  test('a collection is deleted by its selectors, and what is deleted is listed', async () => {
    for (const name of ['gone-1', 'gone-2', 'stays']) await ok(['create', 'configmap', name]);
    await ok(['label', 'configmap', 'gone-1', 'gone-2', 'group=gone']);
    const path = '/api/v1/namespaces/default/configmaps?labelSelector=group%3Dgone';
    const names = (list: string) =>
      (JSON.parse(list) as { readonly items: readonly { readonly metadata: { readonly name: string } }[] }).items.map(
        ({ metadata }) => metadata.name,
      );
    assert.deepEqual(names(await ok(['delete', '--raw', `${path}&dryRun=All`])), ['gone-1', 'gone-2']);
    assert.deepEqual(names(await ok(['delete', '--raw', path])), ['gone-1', 'gone-2']);
    assert.deepEqual(names(await ok(['get', '--raw', path])), []);
    await ok(['delete', 'configmap', 'stays']);
    assert.match((await kubectl(['delete', '--raw', '/api/v1/services'])).stderr, /not allow this method/);
  });

  test('an upgrade that nobody takes is answered as any request, and the connection ends', async () => {
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const exec = await rawRequest('/api/v1/namespaces/default/pods/none/exec?command=id', upgrade);
    assert.deepEqual([exec.code, exec.connection], [404, 'close']);
    assert.equal((JSON.parse(exec.body) as { readonly reason: string }).reason, 'NotFound');
    const list = await rawRequest('/api/v1/namespaces', upgrade);
    assert.deepEqual([list.code, list.connection], [200, 'close']);
  });

  /** What kubectl does not send. A body makes it a POST. */
  function rawRequest(path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const { host, port } = api.server;
      const { certificate, key } = credential;
      const call = request({
        host,
        port,
        path,
        headers,
        method: body ? 'POST' : 'GET',
        agent: false,
        key,
        cert: certificate,
        ca: api.pki.cluster.certificate,
      });
      call.on('error', reject);
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        const { connection = '', warning = '' } = response.headers;
        response.on('end', () =>
          resolve({ code: response.statusCode ?? 0, connection, warning: String(warning), body: text }),
        );
      });
      call.end(body);
    });
  }
});

test('an API server that ends lets go of watches at once, and waits for a request under way', async () => {
  const api = await startApiServer();
  const { certificate, key } = await adminCredential(api.pki);
  const watch = spawn(realTool('kubectl'), ['--kubeconfig', api.kubeconfig, 'get', 'namespaces', '-w']);
  await new Promise((resolve) => watch.stdout.once('data', resolve));
  const { host, port } = api.server;
  const path = '/api/v1/namespaces/default/configmaps';
  const headers = { 'content-type': 'application/json' };
  const ca = api.pki.cluster.certificate;
  const slow = request({ host, port, path, headers, method: 'POST', key, cert: certificate, ca, agent: false });
  const answered = new Promise<number>((resolve, reject) => {
    slow.on('response', (response) => resolve(response.resume().statusCode ?? 0));
    slow.on('error', reject);
  });
  slow.write('{"apiVersion":"v1","kind":"ConfigMap",');
  await sleep(200);
  const watchEnded = new Promise<number | null>((resolve) => watch.once('close', resolve));
  const started = performance.now();
  const ended = api[Symbol.asyncDispose]();
  assert.equal(await watchEnded, 0);
  slow.end('"metadata":{"name":"late"}}');
  assert.equal(await answered, 201);
  await ended;
  assert.ok(performance.now() - started < 3000, 'nothing was waited for that had ended');
});

interface RawAnswer {
  readonly code: number;
  readonly connection: string;
  readonly warning: string;
  readonly body: string;
}
