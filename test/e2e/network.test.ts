import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodList, Service } from '#machinery/types/core-v1.ts';
import { http, TestCluster, waitFor } from '../support/cluster.ts';

const page = 'mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www';

function deployment(name: string, replicas: number) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'c',
              image: 'busybox:test',
              imagePullPolicy: 'IfNotPresent',
              command: ['sh', '-c', page],
              ports: [{ name: 'http', containerPort: 8080 }],
              readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

function service(name: string, spec: object) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'many' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  };
}

describe('services and names', { concurrency: false }, () => {
  let cluster: TestCluster;
  let nodeIp: string;

  before(async () => {
    cluster = await TestCluster.start(['busybox', 'web']);
    const objects = [
      deployment('many', 3),
      deployment('one', 1),
      service('many', {}),
      service('sticky', { sessionAffinity: 'ClientIP' }),
      service('headless', { clusterIP: 'None' }),
      service('nodeport', { type: 'NodePort' }),
      service('self', { selector: { app: 'one' } }),
      service('empty', { selector: { app: 'nobody' } }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'alias' },
        spec: { type: 'ExternalName', externalName: 'many.default.svc.cluster.local' },
      },
    ];
    for (const object of objects) cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
    for (const name of ['many', 'one']) cluster.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s']);
    nodeIp = cluster.kubectl([
      'get',
      'nodes',
      '-o',
      'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
    ]);
    await waitFor('the services', async () => (await http(url('many'))).status === 200);
  });
  after(() => cluster[Symbol.asyncDispose]());

  const get = (name: string) => cluster.json<Service>(['get', 'service', name]);
  const url = (name: string) => `http://${get(name).spec.clusterIP}/`;
  const fromPod = (script: string) => cluster.tryKubectl(['exec', 'deployment/one', '--', 'sh', '-c', script]);
  const podIps = (app: string) =>
    (cluster.json<PodList>(['get', 'pods', '-l', `app=${app}`]).items ?? [])
      .map((pod) => pod.status.podIP ?? '')
      .sort();

  test('a service spreads connections over its pods', async () => {
    const address = url('many');
    const answers = await Promise.all(Array.from({ length: 60 }, () => http(address)));
    assert.equal(new Set(answers.map(({ body }) => body)).size, 3);
  });

  test('ClientIP affinity keeps a client with its pod', async () => {
    const address = url('sticky');
    await waitFor('the service', async () => (await http(address)).status === 200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => http(address)));
    assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
  });

  test('a node port answers on the address of the node, from outside and from pods', async () => {
    const port = get('nodeport').spec.ports?.[0]?.nodePort;
    assert.ok(port && port >= 30_000 && port <= 32_767);
    assert.equal((await http(`http://${nodeIp}:${port}/`)).status, 200);
    assert.equal(fromPod(`timeout 5 wget -qO- http://${nodeIp}:${port}/`).code, 0);
  });

  test('a pod reaches itself through its own service', () => {
    const { stdout, stderr } = fromPod('timeout 5 wget -qO- http://self/');
    assert.match(stdout, /^one-/, stderr);
  });

  test('a headless service has the addresses of its pods', () => {
    const { stdout } = fromPod('nslookup -type=a headless.default.svc.cluster.local');
    const found = [...stdout.matchAll(/Address: (10\.\S+)$/gm)].map((match) => match[1] ?? '').sort();
    assert.deepEqual(found, podIps('many'));
  });

  test('an ExternalName is followed', () => {
    assert.match(fromPod('timeout 5 wget -qO- http://alias/').stdout, /^many-/);
  });

  test('a service without endpoints refuses at once', async () => {
    await assert.rejects(http(url('empty')), /ECONNREFUSED/);
    assert.match(fromPod('timeout 5 wget -qO- http://empty/').stderr, /refused/);
  });

  test('pods reach the API server by its service, with the token of their account', () => {
    const script = [
      'import ssl, urllib.request as r',
      'folder = "/var/run/secrets/kubernetes.io/serviceaccount/"',
      'trust = ssl.create_default_context(cafile=folder + "ca.crt")',
      'token = {"Authorization": "Bearer " + open(folder + "token").read()}',
      'print(r.urlopen(r.Request("https://kubernetes.default.svc/api", headers=token), context=trust).read().decode())',
    ].join('\n');
    const container = {
      name: 'c',
      image: 'web:1',
      imagePullPolicy: 'IfNotPresent',
      command: ['python3', '-c', script],
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'api' },
      spec: { restartPolicy: 'Never', containers: [container] },
    };
    cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
    cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/api', '--timeout=30s']);
    assert.match(cluster.kubectl(['logs', 'api']), /"kind": ?"APIVersions"/);
  });

  test('a host port of a pod answers on the node', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'host-port' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'c',
            image: 'busybox:test',
            imagePullPolicy: 'IfNotPresent',
            command: ['sh', '-c', page],
            ports: [{ containerPort: 8080, hostPort: 18_080 }],
          },
        ],
      },
    };
    cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
    cluster.kubectl(['wait', '--for=condition=Ready', 'pod/host-port', '--timeout=60s']);
    await waitFor('the host port', async () => (await http(`http://${nodeIp}:18080/`)).body.trim() === 'host-port');
  });

  test('UDP reaches its pod: the DNS service of the cluster is asked by address', () => {
    const dns = get('kubernetes').spec.clusterIP?.replace(/\.1$/, '.10');
    assert.equal(fromPod(`nslookup -type=a kubernetes.default.svc.cluster.local ${dns}`).code, 0);
  });
});
