import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Service } from '#machinery/types/core-v1.ts';
import { http, TestCluster, waitFor } from '../support/cluster.ts';

test('helm creates, installs, upgrades, tests, rolls back and uninstalls a chart', async () => {
  await using cluster = await TestCluster.start(['nginx', 'busybox']);
  const chart = join(cluster.folder, 'shop');
  cluster.helm(['create', chart]);
  const image = ['--set', 'image.repository=nginx', '--set', 'image.tag=1', '--set', 'image.pullPolicy=IfNotPresent'];
  const wait = ['--wait', '--timeout', '90s'];

  assert.match(cluster.helm(['install', 'first', chart, ...image, ...wait]), /STATUS: deployed/);
  const service = cluster.json<Service>(['get', 'service', 'first-shop']);
  assert.match((await http(`http://${service.spec.clusterIP}/`)).body, /Welcome to nginx/);

  assert.match(cluster.helm(['upgrade', 'first', chart, ...image, '--set', 'replicaCount=2', ...wait]), /REVISION: 2/);
  assert.equal(cluster.kubectl(['get', 'deployment', 'first-shop', '-o', 'jsonpath={.status.readyReplicas}']), '2');
  assert.match(cluster.helm(['list']), /first\s+default\s+2\s/);

  // the chart's own test pod asks the service by its name; its image is the one that we have
  writeFileSync(
    join(chart, 'templates/tests/test-connection.yaml'),
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: "{{ .Release.Name }}-test"\n  annotations: {"helm.sh/hook": test}\nspec:\n  containers:\n    - {name: wget, image: "busybox:test", imagePullPolicy: IfNotPresent, command: [wget], args: ["-O-", "{{ .Release.Name }}-shop:80"]}\n  restartPolicy: Never\n',
  );
  cluster.helm(['upgrade', 'first', chart, ...image, '--set', 'replicaCount=2', ...wait]);
  assert.match(cluster.helm(['test', 'first', '--timeout', '60s']), /Phase: +Succeeded/);

  cluster.helm(['rollback', 'first', '1', ...wait]);
  assert.match(cluster.helm(['history', 'first']), /Rollback to 1/);
  assert.equal(cluster.kubectl(['get', 'deployment', 'first-shop', '-o', 'jsonpath={.spec.replicas}']), '1');

  assert.match(cluster.helm(['uninstall', 'first', '--wait', '--timeout', '60s']), /uninstalled/);
  await waitFor(
    'the pods to go',
    () => cluster.kubectl(['get', 'pods', '-l', 'app.kubernetes.io/instance=first', '-o', 'name']) === '',
  );
  rmSync(chart, { recursive: true });
});
