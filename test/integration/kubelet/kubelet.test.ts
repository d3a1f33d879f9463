import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { ConfigMap, Event, Pod, Secret } from '#machinery/types/core-v1.ts';
import { isReady, pods, TestNode } from './node.ts';

const configMaps: ResourceRef<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const secrets: ResourceRef<Secret> = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const events: ResourceRef<Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

const WAIT = 'trap "exit 0" TERM; while :; do sleep 1 & wait; done';

let node: TestNode;
before(async () => {
  node = await TestNode.start(241);
});
after(() => node[Symbol.asyncDispose]());

function shell(script: string, more: object = {}) {
  return { name: 'c', image: 'busybox:test', command: ['sh', '-c', script], ...more };
}

async function output(name: string, ...command: string[]): Promise<string> {
  const result = await node.kubectl(['exec', name, '--', ...command]);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

async function eventsOf(name: string): Promise<readonly string[]> {
  const { items } = await node.client.list(events, { namespace: 'default' });
  return items
    .filter((event) => event.involvedObject.name === name)
    .map((event) => `${event.reason}: ${event.message}`);
}

async function untilEvent(name: string, wanted: RegExp): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    const found = (await eventsOf(name)).find((line) => wanted.test(line));
    if (found) return found;
    await systemClock.sleep(50);
  }
  throw new Error(`no event ${wanted} of ${name}: ${(await eventsOf(name)).join('\n')}`);
}

test('environment and volumes show ConfigMaps, Secrets and the pod itself, and follow their changes', async () => {
  const metadata = (name: string) => ({ name, namespace: 'default' });
  await node.client.create(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('settings'),
    data: { colour: 'red', size: '3' },
  });
  await node.client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('login'),
    data: { password: Buffer.from('secret').toString('base64') },
  });
  await node.createPod(
    'volumes',
    {
      containers: [
        shell(WAIT, {
          env: [
            { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
            { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
            { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
            { name: 'JOINED', value: '$(COLOUR)-$$(NAME)' },
          ],
          envFrom: [{ prefix: 'S_', configMapRef: { name: 'settings' } }],
          resources: { limits: { cpu: '200m', memory: '32Mi' } },
          volumeMounts: [
            { name: 'settings', mountPath: '/settings' },
            { name: 'login', mountPath: '/login', readOnly: true },
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'memory', mountPath: '/memory' },
            { name: 'about', mountPath: '/about' },
            { name: 'scratch', mountPath: '/part', subPath: 'a/b' },
          ],
        }),
      ],
      securityContext: { fsGroup: 4000 },
      volumes: [
        { name: 'settings', configMap: { name: 'settings', items: [{ key: 'colour', path: 'deep/colour' }] } },
        { name: 'login', secret: { secretName: 'login', defaultMode: 0o400 } },
        { name: 'scratch', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'about', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      ],
    },
    { labels: { app: 'x' } },
  );
  const pod = await node.untilReady('volumes');
  const variables = await output('volumes', 'env');
  for (const line of [
    'COLOUR=red',
    'PASSWORD=secret',
    'NAME=volumes',
    `IP=${pod.status.podIP}`,
    'CPU=1',
    'JOINED=red-$(NAME)',
    'S_size=3',
  ])
    assert.ok(variables.includes(`${line}\n`), `${line} is not in\n${variables}`);
  assert.equal(
    await output('volumes', 'cat', '/settings/deep/colour', '/login/password', '/about/labels'),
    'redsecretapp="x"',
  );
  assert.match(
    await output(
      'volumes',
      'sh',
      '-c',
      'touch /part/f; ls /scratch/a/b; stat -c %g /scratch; mount | grep "on /memory"',
    ),
    /^f\n4000\ntmpfs on \/memory type tmpfs/,
  );
  await node.client.patch(configMaps, {
    name: 'settings',
    namespace: 'default',
    type: 'merge',
    body: { data: { colour: 'blue' } },
  });
  for (let tries = 0; (await output('volumes', 'cat', '/settings/deep/colour')) !== 'blue'; tries++) {
    assert.ok(tries < 50, 'the volume does not follow its ConfigMap');
    await systemClock.sleep(100);
  }
  assert.equal(pod.status.qosClass, 'Guaranteed');
});

test('init containers run in order, sidecars run on, ordinary containers come last', async () => {
  await node.createPod('inits', {
    initContainers: [
      { ...shell('echo one >> /s/log'), name: 'one', volumeMounts: [{ name: 's', mountPath: '/s' }] },
      {
        ...shell(`echo side >> /s/log; ${WAIT}`),
        name: 'side',
        restartPolicy: 'Always',
        volumeMounts: [{ name: 's', mountPath: '/s' }],
      },
      { ...shell('echo two >> /s/log'), name: 'two', volumeMounts: [{ name: 's', mountPath: '/s' }] },
    ],
    containers: [shell(`echo main >> /s/log; ${WAIT}`, { volumeMounts: [{ name: 's', mountPath: '/s' }] })],
    volumes: [{ name: 's', emptyDir: {} }],
  });
  const pod = await node.untilReady('inits');
  assert.equal(await output('inits', 'cat', '/s/log'), 'one\nside\ntwo\nmain\n');
  assert.deepEqual(
    pod.status.initContainerStatuses?.map((status) => [status.name, Object.keys(status.state)[0], status.ready]),
    [
      ['one', 'terminated', true],
      ['side', 'running', true],
      ['two', 'terminated', true],
    ],
  );
});

test('a pod that may not restart ends as its containers do, with their last words', async () => {
  await node.createPod('good', { restartPolicy: 'Never', containers: [shell('echo fine > /dev/termination-log')] });
  await node.createPod('bad', {
    restartPolicy: 'Never',
    containers: [shell('echo last words; exit 7', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
  });
  const good = await node.until('good', (pod) => pod.status.phase === 'Succeeded' && pod);
  const bad = await node.until('bad', (pod) => pod.status.phase === 'Failed' && pod);
  const ended = (pod: Pod) => pod.status.containerStatuses?.[0]?.state.terminated;
  assert.deepEqual([ended(good)?.reason, ended(good)?.exitCode, ended(good)?.message], ['Completed', 0, 'fine\n']);
  assert.deepEqual([ended(bad)?.reason, ended(bad)?.exitCode, ended(bad)?.message], ['Error', 7, 'last words\n']);
  assert.equal((await node.kubectl(['logs', 'bad'])).stdout, 'last words\n');
});

test('a crashing container is started again after growing waits', async () => {
  await node.createPod('crash', { containers: [shell('echo run; exit 1')] });
  const waiting = await node.until('crash', (pod) => {
    const status = pod.status.containerStatuses?.[0];
    return status?.state.waiting?.reason === 'CrashLoopBackOff' && status;
  });
  const { uid } = (await node.client.get(pods, 'crash', 'default')).metadata;
  assert.equal(waiting.state.waiting?.message, `back-off 10s restarting failed container=c pod=crash_default(${uid})`);
  assert.equal(waiting.lastState.terminated?.exitCode, 1);
  assert.equal(waiting.restartCount, 1);
  await untilEvent('crash', /^BackOff: Back-off restarting failed container c in pod crash_default\(/);
  assert.equal((await node.kubectl(['logs', 'crash', '--previous'])).stdout, 'run\n');
});

test('images that cannot be had say why', async () => {
  await node.createPod('never', {
    containers: [shell('true', { image: 'nothing.invalid/x:1', imagePullPolicy: 'Never' })],
  });
  await node.createPod('name', { containers: [shell('true', { image: 'BAD NAME' })] });
  await node.createPod('pull', { containers: [shell('true', { image: 'nothing.invalid/x:1' })] });
  const reason = (wanted: string) => (pod: Pod) => pod.status.containerStatuses?.[0]?.state.waiting?.reason === wanted;
  await node.until('never', reason('ErrImageNeverPull'));
  await node.until('name', reason('InvalidImageName'));
  await node.until('pull', reason('ErrImagePull'));
  await node.until('pull', reason('ImagePullBackOff'), 30_000);
  await untilEvent('pull', /^Failed: Error: ErrImagePull$/);
});

test('a missing ConfigMap is waited for', async () => {
  const env = [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'late', key: 'x' } } }];
  await node.createPod('late', { containers: [shell(WAIT, { env })] });
  const waiting = await node.until('late', ({ status }) => {
    const found = status.containerStatuses?.[0]?.state.waiting;
    return found?.message ? found : undefined;
  });
  assert.deepEqual([waiting.reason, waiting.message], ['CreateContainerConfigError', 'configmap "late" not found']);
  await node.client.create(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'late', namespace: 'default' },
    data: { x: '1' },
  });
  await node.untilReady('late');
});

test('probes decide over readiness and restarts', async () => {
  const probe = { periodSeconds: 1, failureThreshold: 1 };
  await node.createPod('probes', {
    containers: [
      shell('mkdir /w; echo ok > /w/ready; exec httpd -f -p 8080 -h /w', {
        ports: [{ name: 'web', containerPort: 8080 }],
        startupProbe: { ...probe, failureThreshold: 20, tcpSocket: { port: 'web' } },
        readinessProbe: { ...probe, httpGet: { path: '/ready', port: 'web' } },
        livenessProbe: { ...probe, exec: { command: ['sh', '-c', 'test ! -e /w/dead'] } },
      }),
    ],
  });
  await node.untilReady('probes');
  await output('probes', 'mv', '/w/ready', '/w/away');
  await node.until('probes', (pod) => !isReady(pod));
  await untilEvent('probes', /^Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404$/);
  await output('probes', 'touch', '/w/dead');
  await node.until('probes', (pod) => (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  await untilEvent('probes', /^Killing: Container c failed liveness probe, will be restarted$/);
  await node.untilReady('probes');
});

test('the security context holds', async () => {
  await node.createPod('secure', {
    hostname: 'box',
    subdomain: 'here',
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 2000,
      supplementalGroups: [3000],
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    },
    containers: [
      shell(WAIT, {
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
      }),
    ],
  });
  await node.createPod('root', { securityContext: { runAsNonRoot: true }, containers: [shell(WAIT)] });
  await node.untilReady('secure');
  assert.match(await output('secure', 'id'), /^uid=1000 gid=2000 groups=2000,3000/);
  const status = await output('secure', 'cat', '/proc/self/status');
  assert.match(status, /NoNewPrivs:\s+1/);
  assert.match(status, /CapEff:\s+0000000000000000/);
  assert.match(status, /Seccomp:\s+2/);
  assert.notEqual((await node.kubectl(['exec', 'secure', '--', 'touch', '/x'])).code, 0);
  assert.match(await output('secure', 'cat', '/etc/hosts'), /\tbox\.here\.default\.svc\.cluster\.local\tbox\n/);
  assert.match(
    await output('secure', 'cat', '/etc/resolv.conf'),
    /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.43\.0\.10\noptions ndots:5\n/,
  );
  await node.until('root', (pod) =>
    pod.status.containerStatuses?.[0]?.state.waiting?.message?.startsWith(
      'container has runAsNonRoot and image will run as root',
    ),
  );
});

test('hooks run around a container, and its end is waited for', async () => {
  await node.createPod('hooks', {
    terminationGracePeriodSeconds: 10,
    containers: [
      shell(WAIT, {
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo started > /h/log'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo stopping >> /h/log; sleep 1'] } },
        },
        volumeMounts: [{ name: 'h', mountPath: '/h' }],
      }),
    ],
    volumes: [{ name: 'h', hostPath: { path: `${node.folder}/hooks`, type: 'DirectoryOrCreate' } }],
  });
  await node.untilReady('hooks');
  const begun = systemClock.now();
  await node.client.delete(pods, 'hooks', 'default');
  await node.untilGone('hooks');
  assert.ok(systemClock.now() - begun >= 1000, 'the preStop hook was not waited for');
  assert.equal(readFileSync(`${node.folder}/hooks/log`, 'utf8'), 'started\nstopping\n');
});

test('an active deadline ends a pod', async () => {
  await node.createPod('deadline', { activeDeadlineSeconds: 1, containers: [shell(WAIT)] });
  const pod = await node.until('deadline', (one) => one.status.phase === 'Failed' && one);
  assert.equal(pod.status.reason, 'DeadlineExceeded');
});

test('a new agent adopts what runs, and ends what was deleted meanwhile', async () => {
  await node.createPod('kept', { containers: [shell(WAIT)] });
  await node.createPod('lost', { containers: [shell(WAIT)] });
  const id = (pod: Pod) => pod.status.containerStatuses?.[0]?.containerID;
  const kept = id(await node.untilReady('kept'));
  await node.untilReady('lost');
  await node.kubelet.stop();
  await node.client.delete(pods, 'lost', 'default', { gracePeriodSeconds: 0 });
  await node.restartAgent();
  await systemClock.sleep(500);
  const after = await node.untilReady('kept');
  assert.equal(id(after), kept);
  assert.equal(after.status.containerStatuses?.[0]?.restartCount, 0);
  for (let tries = 0; ; tries++) {
    const { items } = await node.kubelet.runtime.runtime.listPodSandbox({});
    if (!items.some((item) => item.metadata?.name === 'lost')) break;
    assert.ok(tries < 100, 'the deleted pod still has a sandbox');
    await systemClock.sleep(100);
  }
});

test('a container that is killed from outside is seen at once and started again', async () => {
  await node.createPod('killed', { containers: [shell('echo up; sleep 1000')] });
  await node.untilReady('killed');
  const { id: containerId = '' } = node.kubelet.pods.find('default', 'killed')?.state?.containers[0] ?? {};
  await node.kubelet.runtime.runtime.stopContainer({ containerId, timeout: 0n });
  const begun = systemClock.now();
  await node.until('killed', (pod) => pod.status.containerStatuses?.[0]?.restartCount === 1 && isReady(pod));
  assert.ok(systemClock.now() - begun < 3000);
});
