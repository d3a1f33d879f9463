import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, draftOf } from '#machinery/object.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { defaultPod } from './defaults.ts';
import { pullPolicyOf } from './pull-policy.ts';

const policies: readonly (readonly [image: string, policy: string])[] = [
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1', 'IfNotPresent'],
  ['localhost:5000/nginx', 'Always'],
  ['localhost:5000/nginx:1', 'IfNotPresent'],
  ['nginx@sha256:aa', 'IfNotPresent'],
  ['nginx:latest@sha256:aa', 'Always'],
  ['NGINX', 'IfNotPresent'],
];

for (const [image, policy] of policies) {
  test(`pull policy: ${image} is pulled ${policy}`, () => assert.equal(pullPolicyOf(image), policy));
}

function podWith(spec: Partial<Pod['spec']>): Draft<Pod> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'nginx:1', resources: {} }], ...spec },
    status: {},
  };
  return draftOf(pod);
}

test('pod defaults: running them twice changes nothing more', () => {
  const once = podWith({ hostNetwork: true, volumes: [{ name: 'v' }] });
  defaultPod(once);
  const twice = draftOf(once);
  defaultPod(twice);
  assert.deepEqual(twice, once);
});

test('pod defaults: what is limited is requested', () => {
  const pod = podWith({
    containers: [
      { name: 'c', image: 'a:1', resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } } },
    ],
  });
  defaultPod(pod);
  assert.deepEqual(pod.spec.containers?.[0]?.resources.requests, { cpu: '100m', memory: '1Gi' });
});

test('pod defaults: the older name of the service account is shown beside the newer one', () => {
  const pod = podWith({ serviceAccount: 'bob' });
  defaultPod(pod);
  assert.equal(pod.spec.serviceAccountName, 'bob');
  assert.equal(pod.spec.serviceAccount, 'bob');
});
