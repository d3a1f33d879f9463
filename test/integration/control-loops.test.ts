import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import type { Client } from '#client/client.ts';
import { createClient } from '#client/create-client.ts';
import { connectPort, type PortConnection } from '#client/in-process.ts';
import { startControllers } from '#controllers/run.ts';
import { selectControllers } from '#controllers/select-controllers.ts';
import { kubeconfigTransport, readKubeconfig } from '#client/kubeconfig.ts';
import { startInformer } from '#client/start-informer.ts';
import { isStatus } from '#machinery/status.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import { createInformers } from '#reconciler/informers.ts';
import { runAsLeader } from '#reconciler/leader-election.ts';
import { podCondition } from '#reconciler/pods.ts';
import { deployment } from '#resources/apps/deployment/deployment.ts';
import { replicaSet } from '#resources/apps/replica-set/replica-set.ts';
import { job } from '#resources/batch/job/job.ts';
import { lease } from '#resources/coordination/lease/lease.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { endpoints } from '#resources/core/endpoints/endpoints.ts';
import { event } from '#resources/core/event/event.ts';
import { namespace } from '#resources/core/namespace/namespace.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import { service } from '#resources/core/service/service.ts';
import { endpointSlice } from '#resources/discovery/endpoint-slice/endpoint-slice.ts';
import { startScheduler } from '#scheduler/run.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const stop = new AbortController();
let api: TestApiServer;
let client: Client;
let loops: Promise<unknown>;
let connection: PortConnection;

before(async () => {
  api = await startApiServer();
  const { port1, port2 } = new MessageChannel();
  const served = api.server.servePort(port2);
  connection = connectPort(port1);
  stop.signal.addEventListener('abort', () => served[Symbol.dispose](), { once: true });
  const log = createLogger('control', process.env['DHOW_LOG'] ?? 'error');
  const shared = { clock: systemClock, log, randomness: systemRandomness, signal: stop.signal };
  const as = (name: string, groups: readonly string[] = []) =>
    createClient(connection.as({ name, groups: ['system:authenticated', ...groups] }), { userAgent: name });
  client = as('admin', ['system:masters']);
  const informers = createInformers({ client: as('system:kube-controller-manager', ['system:masters']), ...shared });
  const accounts = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
  loops = Promise.all([
    startControllers({
      clientFor: (identity) =>
        identity === 'kube-controller-manager'
          ? as('system:kube-controller-manager')
          : as(`system:serviceaccount:kube-system:${identity}`, accounts),
      informers,
      selected: selectControllers(['*']),
      rootCaPem: api.pki.cluster.certificate,
      signLegacyToken: async ({ secret: name }) => `token-of-${name}`,
      ...shared,
    }),
    startScheduler({ client: as('system:kube-scheduler'), informers, host: 'test', ...shared }),
  ]);
  await client.create(node, nodeObject('worker'));
  const { status } = nodeObject('worker');
  await client.patch(node, { name: 'worker', type: 'strategic', body: { status } }, { subresource: 'status' });
  await client.create(namespace, { metadata: { name: 'shop' } });
  await until('the default service account', () => client.get(serviceAccount, 'default', 'shop'));
});

after(async () => {
  stop.abort(new Error('the test is over'));
  await loops;
  connection[Symbol.dispose]();
  await api[Symbol.asyncDispose]();
});

function nodeObject(name: string): Node {
  const time = new Date().toISOString().replace(/\.\d+/, '');
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          lastHeartbeatTime: time,
          lastTransitionTime: time,
          reason: 'KubeletReady',
          message: '',
        },
      ],
    } as unknown as Node['status'],
  };
}

/** Asks until the answer is there (neither undefined nor false); an object that does not exist yet is asked for again. */
async function until<T>(what: string, ask: () => Promise<T | undefined | false>, limitMs = 15_000): Promise<T> {
  const end = systemClock.now() + limitMs;
  for (;;) {
    const answer = await ask().catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    if (answer !== undefined && answer !== false) return answer;
    assert.ok(systemClock.now() < end, `waited in vain for ${what}`);
    await systemClock.sleep(20);
  }
}

async function podsOf(app: string): Promise<readonly Pod[]> {
  return (await client.list(pod, { namespace: 'shop', labelSelector: `app=${app}` })).items;
}

/** What a node agent would report. */
async function run(object: Pod, ip: string, phase = 'Running'): Promise<void> {
  const time = new Date().toISOString().replace(/\.\d+/, '');
  const ready = phase === 'Running' ? 'True' : 'False';
  const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: time }];
  await client.patch(
    pod,
    {
      name: object.metadata.name ?? '',
      namespace: 'shop',
      type: 'strategic',
      body: { status: { phase, podIP: ip, podIPs: [{ ip }], conditions } },
    },
    { subresource: 'status' },
  );
}

function template(app: string, image = 'web:1') {
  return {
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'c', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
  };
}

describe('control loops', () => {
  test('a namespace gets its service account and the root CA', async () => {
    const map = await until('the root CA', () => client.get(configMap, 'kube-root-ca.crt', 'shop'));
    assert.match(map.data?.['ca.crt'] ?? '', /BEGIN CERTIFICATE/);
  });

  test('a deployment: pods are made, bound, counted, served, rolled, rolled back and removed', async () => {
    await client.create(deployment, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: template('web') },
    });
    await client.create(service, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    const bound = await until('three bound pods', async () => {
      const pods = await podsOf('web');
      return pods.length === 3 && pods.every(({ spec }) => spec.nodeName === 'worker') && pods;
    });
    for (const [index, object] of bound.entries()) await run(object, `10.42.0.${index + 10}`);
    await until('the deployment to be complete', async () => {
      const { status } = await client.get(deployment, 'web', 'shop');
      return (
        status.availableReplicas === 3 && status.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable')
      );
    });
    const slice = await until('three endpoints', async () => {
      const { items } = await client.list(endpointSlice, { namespace: 'shop' });
      return items.find(({ endpoints: ready }) => ready?.filter(({ conditions }) => conditions.ready).length === 3);
    });
    assert.equal(slice.ports?.[0]?.port, 8080);
    await until(
      'the old endpoints',
      async () => (await client.get(endpoints, 'web', 'shop')).subsets?.[0]?.addresses?.length === 3,
    );

    await client.patch(deployment, {
      name: 'web',
      namespace: 'shop',
      type: 'strategic',
      body: { spec: { template: template('web', 'web:2') } },
    });
    let next = 20;
    await until('the rollout', async () => {
      for (const object of await podsOf('web')) {
        if (object.spec.nodeName && !object.status.podIP && !object.metadata.deletionTimestamp)
          await run(object, `10.42.0.${next++}`);
        if (object.metadata.deletionTimestamp)
          await client.delete(pod, object.metadata.name ?? '', 'shop', { gracePeriodSeconds: 0 });
      }
      const { status, metadata } = await client.get(deployment, 'web', 'shop');
      const seen = status.observedGeneration === metadata.generation;
      const done = seen && status.updatedReplicas === 3 && status.replicas === 3 && status.availableReplicas === 3;
      return done && metadata.annotations?.['deployment.kubernetes.io/revision'] === '2';
    });
    const sets = (await client.list(replicaSet, { namespace: 'shop' })).items;
    assert.deepEqual(new Set(sets.map(({ spec }) => spec.replicas)), new Set([0, 3]));

    await client.delete(deployment, 'web', 'shop');
    await until('the garbage collector', async () => {
      for (const object of await podsOf('web')) {
        if (object.metadata.deletionTimestamp)
          await client.delete(pod, object.metadata.name ?? '', 'shop', { gracePeriodSeconds: 0 });
      }
      return (
        (await podsOf('web')).length === 0 && (await client.list(replicaSet, { namespace: 'shop' })).items.length === 0
      );
    });
    await client.delete(service, 'web', 'shop');
    await until(
      'slices to go with their service',
      async () => (await client.list(endpointSlice, { namespace: 'shop' })).items.length === 0,
    );
    const events = (await client.list(event, { namespace: 'shop' })).items;
    for (const reason of ['ScalingReplicaSet', 'SuccessfulCreate', 'Scheduled', 'SuccessfulDelete']) {
      assert.ok(
        events.some((found) => found.reason === reason),
        `an event ${reason}`,
      );
    }
  });

  test('a pod that fits nowhere says why, and is bound when the node can hold it', async () => {
    await client.create(pod, {
      metadata: { name: 'big', namespace: 'shop' },
      spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '6' } } }] },
    });
    const waiting = await until('the condition', async () =>
      podCondition(await client.get(pod, 'big', 'shop'), 'PodScheduled'),
    );
    assert.equal(waiting.reason, 'Unschedulable');
    assert.match(
      waiting.message ?? '',
      /^0\/1 nodes are available: 1 Insufficient cpu\. no new claims to deallocate, preemption: /,
    );
    await client.patch(
      node,
      { name: 'worker', type: 'merge', body: { status: { allocatable: { cpu: '16' } } } },
      { subresource: 'status' },
    );
    await until('the binding', async () => (await client.get(pod, 'big', 'shop')).spec.nodeName);
  });

  test('a job runs to completion and its pod is counted once', async () => {
    await client.create(job, {
      metadata: { name: 'once', namespace: 'shop' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } },
    });
    const started = await until('the pod of the job', async () => {
      const { items } = await client.list(pod, { namespace: 'shop', labelSelector: 'job-name=once' });
      return items.find(({ spec }) => spec.nodeName);
    });
    await run(started, '10.42.0.99', 'Succeeded');
    const done = await until('completion', async () => {
      const object = await client.get(job, 'once', 'shop');
      return object.status.conditions?.some(({ type }) => type === 'Complete') && object;
    });
    assert.equal(done.status.succeeded, 1);
    assert.equal((await client.get(pod, started.metadata.name ?? '', 'shop')).metadata.finalizers, undefined);
  });

  test('owners: orphans stay, foreground goes last, a token Secret is filled', async () => {
    const owner = await client.create(configMap, { metadata: { name: 'owner', namespace: 'shop' } });
    const reference = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'owner',
      uid: owner.metadata.uid ?? '',
      blockOwnerDeletion: true,
    };
    await client.create(configMap, { metadata: { name: 'child', namespace: 'shop', ownerReferences: [reference] } });
    await systemClock.sleep(200);
    await client.delete(configMap, 'owner', 'shop', { propagationPolicy: 'Orphan' });
    await until('the orphan', async () => !(await client.get(configMap, 'child', 'shop')).metadata.ownerReferences);

    const second = await client.create(configMap, { metadata: { name: 'owner2', namespace: 'shop' } });
    const blocking = { ...reference, name: 'owner2', uid: second.metadata.uid ?? '' };
    await client.create(configMap, {
      metadata: { name: 'child2', namespace: 'shop', ownerReferences: [blocking], finalizers: ['test/hold'] },
    });
    await systemClock.sleep(200);
    await client.delete(configMap, 'owner2', 'shop', { propagationPolicy: 'Foreground' });
    await until(
      'the child to be deleted',
      async () => (await client.get(configMap, 'child2', 'shop')).metadata.deletionTimestamp,
    );
    assert.ok((await client.get(configMap, 'owner2', 'shop')).metadata.deletionTimestamp);
    await client.patch(configMap, {
      name: 'child2',
      namespace: 'shop',
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    await until('the owner to go', () => isGone(() => client.get(configMap, 'owner2', 'shop')));

    await client.create(secret, {
      metadata: { name: 'token', namespace: 'shop', annotations: { 'kubernetes.io/service-account.name': 'default' } },
      type: 'kubernetes.io/service-account-token',
    });
    await until('the token', async () => (await client.get(secret, 'token', 'shop')).data?.['token']);
  });

  test('a kubeconfig works over HTTP/2, for requests and for watches', async () => {
    const config = await readKubeconfig(api.kubeconfig);
    assert.ok(config);
    using transport = await kubeconfigTransport(config, api.kubeconfig);
    const remote = createClient(transport);
    const ended = new AbortController();
    const log = createLogger('test', 'silent');
    const informer = startInformer(remote, configMap, {
      namespace: 'shop',
      signal: ended.signal,
      clock: systemClock,
      log,
    });
    await informer.synced;
    await remote.create(configMap, { metadata: { name: 'remote', namespace: 'shop' }, data: { key: 'value' } });
    const seen = await until('the watch', async () => informer.get('remote', 'shop'));
    assert.equal(seen.data?.['key'], 'value');
    await assert.rejects(remote.get(configMap, 'missing', 'shop'), {
      name: 'StatusError',
      message: 'configmaps "missing" not found',
    });
    ended.abort(new Error('the test is over'));
  });

  test('of two candidates one leads, and the other takes over when it steps down', async () => {
    const led: string[] = [];
    const log = createLogger('test', 'silent');
    const candidate = (identity: string) => {
      const ended = new AbortController();
      const options = { client, clock: systemClock, log, randomness: systemRandomness, name: 'test', identity };
      const over = runAsLeader({ ...options, signal: AbortSignal.any([ended.signal, stop.signal]) }, async (signal) => {
        led.push(identity);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      });
      return { ended, over };
    };
    const first = candidate('first');
    await until('the first leader', async () => led.length === 1);
    const second = candidate('second');
    assert.equal((await client.get(lease, 'test', 'kube-system')).spec.holderIdentity, 'first');
    first.ended.abort(new Error('stepping down'));
    await first.over;
    await until('the second leader', async () => led.length === 2);
    const { spec } = await client.get(lease, 'test', 'kube-system');
    assert.deepEqual([led, spec.holderIdentity, spec.leaseTransitions], [['first', 'second'], 'second', 1]);
    second.ended.abort(new Error('the test is over'));
    await second.over;
  });

  test('a namespace that is deleted is emptied and goes', async () => {
    await client.create(configMap, { metadata: { name: 'held', namespace: 'shop', finalizers: ['test/hold'] } });
    await client.delete(namespace, 'shop');
    await until('the reason', async () => {
      for (const { metadata } of (await client.list(pod, { namespace: 'shop' })).items) {
        await client.delete(pod, metadata.name ?? '', 'shop', { gracePeriodSeconds: 0 }).catch(() => undefined);
      }
      const found = await client.get(namespace, 'shop');
      return found.status.conditions?.some(({ reason }) => reason === 'SomeFinalizersRemain');
    });
    await client.patch(configMap, {
      name: 'held',
      namespace: 'shop',
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    await until('the namespace to go', () => isGone(() => client.get(namespace, 'shop')), 20_000);
  });
});

async function isGone(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return true;
    throw error;
  }
}
