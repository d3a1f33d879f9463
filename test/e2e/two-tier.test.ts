import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import type { Deployment } from '#machinery/types/apps-v1.ts';
import type { Pod, PodList, Service } from '#machinery/types/core-v1.ts';
import { http, TestCluster, waitFor } from '../support/cluster.ts';
import { realTool, runTool } from '../support/kubectl.ts';

const manifest = join(import.meta.dirname, '../../examples/two-tier/app.yaml');

/** The first document's stack, deployed and lived with by the real kubectl. */
describe('two-tier application with kubectl', { concurrency: false }, () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start(['busybox', 'nginx', 'postgres', 'web']);
  });
  after(() => cluster[Symbol.asyncDispose]());

  const webUrl = () => `http://${cluster.json<Service>(['get', 'service', 'web']).spec.clusterIP}/`;
  const pods = (selector: string) => cluster.json<PodList>(['get', 'pods', '-l', selector]).items ?? [];
  const names = (list: readonly Pod[]) => list.map((pod) => pod.metadata.name);

  test('a file of many documents is applied, and both tiers become ready', () => {
    const output = cluster.kubectl(['apply', '-f', manifest]);
    for (const line of ['secret/database', 'configmap/web', 'deployment.apps/database', 'service/web']) {
      assert.match(output, new RegExp(`${line} created`));
    }
    cluster.kubectl(['rollout', 'status', 'deployment/database', '--timeout=60s']);
    cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    assert.match(cluster.kubectl(['apply', '-f', manifest]), /deployment.apps\/web unchanged/);
  });

  test('the page shows what was written to the database', async () => {
    assert.equal((await http(webUrl(), { method: 'POST', body: 'text=hello+from+a+test' })).status, 201);
    const page = await http(webUrl());
    assert.equal(page.status, 200);
    assert.match(page.body, /<li>hello from a test<\/li>/);
  });

  test('the page answers on the node port of every address of the node', async () => {
    const service = cluster.json<Service>(['get', 'service', 'web']);
    const address = cluster.kubectl([
      'get',
      'nodes',
      '-o',
      'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
    ]);
    assert.equal((await http(`http://${address}:${service.spec.ports?.[0]?.nodePort}/healthz`)).body, 'ok');
  });

  test('get prints every output', () => {
    assert.match(cluster.kubectl(['get', 'pods']), /^NAME +READY +STATUS +RESTARTS +AGE\n/);
    assert.match(
      cluster.kubectl(['get', 'pods', '-o', 'wide']),
      /NOMINATED NODE +READINESS GATES\n.*10\.\d+\.\d+\.\d+/,
    );
    assert.match(
      cluster.kubectl(['get', 'deployment', 'web', '-o', 'yaml']),
      /^apiVersion: apps\/v1\nkind: Deployment/,
    );
    assert.equal(cluster.json<Deployment>(['get', 'deployment', 'web']).status.readyReplicas, 2);
    assert.equal(cluster.kubectl(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}']), '2');
    assert.match(cluster.kubectl(['get', 'pods', '-o', 'name']), /^pod\/database-/);
    assert.match(
      cluster.kubectl(['get', 'pods', '-o', 'custom-columns=N:.metadata.name,NODE:.spec.nodeName']),
      /^N +NODE\n/,
    );
    assert.match(cluster.kubectl(['get', 'all']), /replicaset.apps\/web-/);
    assert.match(cluster.kubectl(['get', 'pods', '-A', '--sort-by=.metadata.name', '--show-labels']), /app=web/);
  });

  test('describe shows events and conditions', () => {
    const text = cluster.kubectl(['describe', 'pod', '-l', 'app=web']);
    for (const part of [
      'Successfully assigned default/web-',
      'Container created',
      'Container started',
      'QoS Class: +Burstable',
    ]) {
      assert.match(text, new RegExp(part));
    }
    assert.match(cluster.kubectl(['describe', 'deployment', 'web']), /NewReplicaSet: +web-/);
    assert.match(cluster.kubectl(['describe', 'service', 'web']), /Endpoints: +10\./);
    assert.match(cluster.kubectl(['describe', 'node']), /Allocated resources:/);
  });

  test('logs are read and followed', async () => {
    await http(`${webUrl()}healthz`);
    await waitFor('a line in the log', () =>
      cluster.kubectl(['logs', 'deployment/web', '--all-pods']).includes('GET /healthz'),
    );
    const follow = cluster.startKubectl(['logs', '-f', '--tail=0', `pod/${names(pods('app=database'))[0]}`]);
    let seen = '';
    follow.stdout.on('data', (data) => {
      seen += data;
    });
    await waitFor('a followed line', () => {
      cluster.tryKubectl(['exec', 'deployment/database', '--', 'psql', '-h', '/tmp', '-U', 'app', '-c', 'nonsense']);
      return seen !== '';
    });
    follow.kill();
    await once(follow, 'exit');
  });

  test('exec runs a command, passes standard input and gives its exit code', () => {
    assert.equal(cluster.kubectl(['exec', 'deployment/web', '--', 'echo', 'hi']), 'hi\n');
    assert.equal(cluster.kubectl(['exec', '-i', 'deployment/web', '--', 'cat'], { input: 'through\n' }), 'through\n');
    const failed = cluster.tryKubectl(['exec', 'deployment/web', '--', 'sh', '-c', 'exit 7']);
    assert.equal(failed.code, 7);
    assert.match(failed.stderr, /command terminated with exit code 7/);
  });

  test('exec -it has a terminal, over WebSocket and over SPDY', () => {
    for (const webSockets of ['true', 'false']) {
      const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets, KUBECONFIG: cluster.kubeconfig, TERM: 'xterm' };
      const command = `${realTool('kubectl')} exec -it deployment/web -- sh -c 'test -t 0 && echo terminal; until stty size 2>/dev/null | grep -q 77; do sleep 0.1; done; stty size'`;
      // the size comes in a message of its own, which may be later than the command's start; script(1) gives kubectl the terminal that it asks for
      const { stdout, code } = runTool('script', ['-qec', `stty rows 33 cols 77; ${command}`, '/dev/null'], { env });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /terminal\r?\n[\s\S]*33 77/, `WebSockets ${webSockets}`); // the terminal also echoes script's end of input
    }
  });

  test('run -i attaches to a container and passes standard input', () => {
    const args = [
      'run',
      'attached',
      '-i',
      '--rm',
      '--quiet',
      '--image=busybox:test',
      '--image-pull-policy=IfNotPresent',
      '--restart=Never',
      '--',
      'sh',
      '-c',
      'read word; echo "got $word"',
    ];
    assert.match(cluster.kubectl(args, { input: 'something\n' }), /got something/);
  });

  test('cp copies a file there and back', () => {
    const pod = names(pods('app=web'))[0];
    const [there, back] = [join(cluster.folder, 'there'), join(cluster.folder, 'back')];
    writeFileSync(there, 'some bytes\n');
    cluster.kubectl(['cp', there, `${pod}:/tmp/there`]);
    cluster.kubectl(['cp', `${pod}:/tmp/there`, back]);
    assert.equal(readFileSync(back, 'utf8'), 'some bytes\n');
  });

  test('names are resolved inside pods', () => {
    const lookUp = (name: string) =>
      cluster
        .kubectl([
          'exec',
          'deployment/web',
          '--',
          'python3',
          '-c',
          `import socket; print(socket.gethostbyname('${name}'))`,
        ])
        .trim();
    const ip = cluster.json<Service>(['get', 'service', 'database']).spec.clusterIP;
    for (const name of ['database', 'database.default', 'database.default.svc.cluster.local'])
      assert.equal(lookUp(name), ip, name);
    assert.equal(lookUp('kubernetes.default'), cluster.json<Service>(['get', 'service', 'kubernetes']).spec.clusterIP);
  });

  test('port-forward reaches a pod', async () => {
    const forward = cluster.startKubectl(['port-forward', 'service/web', ':80']);
    let output = '';
    forward.stdout.on('data', (data) => {
      output += data;
    });
    const port = await waitFor('the port', () => /127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
    assert.equal((await http(`http://127.0.0.1:${port}/healthz`)).body, 'ok');
    assert.equal((await http(`http://127.0.0.1:${port}/healthz`)).body, 'ok', 'a second connection');
    forward.kill();
    await once(forward, 'exit');
  });

  test('port-forward works over SPDY for clients that know nothing newer', async () => {
    const forward = cluster.startKubectl(['port-forward', 'deployment/web', ':8080'], {
      KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false',
    });
    let output = '';
    forward.stdout.on('data', (data) => {
      output += data;
    });
    const port = await waitFor('the port', () => /127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
    assert.equal((await http(`http://127.0.0.1:${port}/healthz`)).body, 'ok');
    forward.kill();
    await once(forward, 'exit');
  });

  test('edit changes an object', () => {
    cluster.kubectl(['edit', 'configmap', 'web'], { env: { KUBE_EDITOR: 'sed -i s/Notes/Edited/' } });
    assert.equal(cluster.kubectl(['get', 'configmap', 'web', '-o', 'jsonpath={.data.title}']), 'Edited');
  });

  test('diff shows what apply would change', () => {
    const diff = cluster.tryKubectl(['diff', '-f', manifest]);
    assert.equal(diff.code, 1);
    assert.match(diff.stdout, /^- +title: Edited\n\+ +title: Notes$/m);
  });

  test('scale up and down', () => {
    cluster.kubectl(['scale', 'deployment/web', '--replicas=4']);
    cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    assert.equal(pods('app=web').length, 4);
    cluster.kubectl(['scale', 'deployment/web', '--replicas=2']);
    cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  });

  test('a deleted pod is replaced', async () => {
    const before = names(pods('app=web'));
    cluster.kubectl(['delete', 'pod', before[0] ?? '']);
    await waitFor('a replacement', () => {
      const ready = pods('app=web').filter((pod) => pod.status.containerStatuses?.every((status) => status.ready));
      return ready.length === 2 && !names(ready).includes(before[0]);
    });
  });

  test('a rolling update and its rollback lose no request', async () => {
    const url = webUrl();
    const failures: string[] = [];
    let requests = 0;
    let going = true;
    const client = (async () => {
      while (going) {
        const answer = await http(url).catch((error: Error) => ({ status: 0, body: error.message }));
        requests++;
        if (answer.status !== 200) failures.push(`${answer.status} ${answer.body}`);
        await systemClock.sleep(10);
      }
    })();
    try {
      const run = async (args: readonly string[]) => {
        const child = cluster.startKubectl(args);
        child.stdout.resume();
        child.stderr.resume();
        assert.deepEqual(await once(child, 'exit'), [0, null], args.join(' '));
      };
      await run(['set', 'image', 'deployment/web', 'page=web:2']);
      await run(['rollout', 'status', 'deployment/web', '--timeout=90s']);
      await run(['rollout', 'undo', 'deployment/web']);
      await run(['rollout', 'status', 'deployment/web', '--timeout=90s']);
    } finally {
      going = false;
      await client;
    }
    assert.deepEqual(failures, []);
    assert.ok(requests > 20, `${requests} requests`);
    assert.equal(
      cluster.kubectl(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}']),
      'web:1',
    );
    assert.match(cluster.kubectl(['rollout', 'history', 'deployment/web']), /REVISION/);
  });

  test('a pod that is not ready gets no traffic', async () => {
    const script =
      'touch /tmp/ready; mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www';
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'gate' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'gate' } },
        template: {
          metadata: { labels: { app: 'gate' } },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'c',
                image: 'busybox:test',
                command: ['sh', '-c', script],
                ports: [{ containerPort: 80 }],
                readinessProbe: {
                  exec: { command: ['test', '-e', '/tmp/ready'] },
                  periodSeconds: 1,
                  failureThreshold: 1,
                },
              },
            ],
          },
        },
      },
    };
    cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(deployment) });
    cluster.kubectl(['expose', 'deployment', 'gate', '--port=80']);
    cluster.kubectl(['rollout', 'status', 'deployment/gate', '--timeout=60s']);
    const [first, second] = names(pods('app=gate'));
    cluster.kubectl(['exec', first ?? '', '--', 'rm', '/tmp/ready']);
    await waitFor('one endpoint', () => {
      const slices = cluster.kubectl([
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=gate',
        '-o',
        'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.name}',
      ]);
      return slices.trim() === second;
    });
    const url = `http://${cluster.json<Service>(['get', 'service', 'gate']).spec.clusterIP}/`;
    await waitFor('the service proxy', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => http(url)));
      return answers.every((answer) => answer.body.trim() === second);
    });
    cluster.kubectl(['delete', 'deployment/gate', 'service/gate']);
  });

  test('bad images and crash loops show their reasons', async () => {
    cluster.kubectl(['run', 'bad', '--image=no-such-image:1', '--image-pull-policy=IfNotPresent']);
    cluster.kubectl([
      'run',
      'crash',
      '--image=busybox:test',
      '--image-pull-policy=IfNotPresent',
      '--',
      'sh',
      '-c',
      'exit 3',
    ]);
    const reason = (name: string) =>
      cluster.json<Pod>(['get', 'pod', name]).status.containerStatuses?.[0]?.state.waiting?.reason;
    await waitFor('the pull to fail', () => ['ErrImagePull', 'ImagePullBackOff'].includes(reason('bad') ?? ''));
    await waitFor('the crash loop', () => reason('crash') === 'CrashLoopBackOff');
    const status = cluster.json<Pod>(['get', 'pod', 'crash']).status.containerStatuses?.[0];
    assert.equal(status?.lastState.terminated?.exitCode, 3);
    assert.match(cluster.kubectl(['get', 'pod', 'crash']), /CrashLoopBackOff/);
    assert.match(cluster.kubectl(['events', '--for', 'pod/crash']), /Back-off restarting failed container/);
    assert.match(cluster.kubectl(['describe', 'pod', 'bad']), /Failed to pull image "no-such-image:1"/);
    cluster.kubectl(['delete', 'pod', 'bad', 'crash', '--now']);
  });

  test('explain, api-resources, auth can-i and events answer', () => {
    assert.match(cluster.kubectl(['explain', 'deployment.spec.strategy.rollingUpdate']), /FIELDS?:/);
    assert.match(
      cluster.kubectl(['api-resources', '--namespaced=true']),
      /deployments +deploy +apps\/v1 +true +Deployment/,
    );
    assert.equal(cluster.kubectl(['auth', 'can-i', 'create', 'pods']), 'yes\n');
    const asNobody = cluster.tryKubectl(['auth', 'can-i', 'create', 'pods', '--as', 'nobody']);
    assert.equal(asNobody.stdout, 'no\n');
    assert.match(cluster.kubectl(['auth', 'whoami']), /system:masters/);
    assert.match(cluster.kubectl(['events']), /Scheduled/);
    assert.match(cluster.kubectl(['cluster-info']), /is running at/);
  });

  test('create validates: unknown fields and bad values are refused with the field named', () => {
    const bad = cluster.tryKubectl(['create', '-f', '-'], {
      input: 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: b, imagee: c}]}\n',
    });
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /unknown field "spec.containers\[0\].imagee"/);
    const invalid = cluster.tryKubectl(['create', '-f', '-'], {
      input: 'apiVersion: v1\nkind: Pod\nmetadata: {name: X_}\nspec: {containers: [{name: a, image: b}]}\n',
    });
    assert.match(invalid.stderr, /The Pod "X_" is invalid: metadata.name: Invalid value: "X_"/);
  });

  test('deleting the file removes all of it', async () => {
    cluster.kubectl(['delete', '-f', manifest]);
    await waitFor('the pods to go', () => pods('app in (web,database)').length === 0);
    assert.match(cluster.tryKubectl(['get', 'pods']).stderr, /No resources found in default namespace/);
  });
});
