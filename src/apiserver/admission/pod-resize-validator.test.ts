import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import { fixedListers } from '../fixed-listers.ts';
import type { AdmissionRequest } from './admission.ts';
import { podResizeValidator } from './pod-resize-validator.ts';

function node(name: string, os: string): KubeObject {
  const status = { allocatable: { cpu: '2', memory: '1Gi' } };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/os': os } },
    status,
  } as KubeObject;
}

const plugin = podResizeValidator(fixedListers([node('l', 'linux'), node('w', 'windows')]));

function pod(cpu: string, generation: number, nodeName: string): KubeObject {
  const spec = { nodeName, containers: [{ name: 'c', resources: { requests: { cpu } } }], overhead: { cpu: '500m' } };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'n', generation }, spec } as KubeObject;
}

/** Why a resize to `cpu` is refused; undefined where it is not. */
async function refused(
  cpu: string,
  nodeName: string,
  generation = 2,
): Promise<readonly [string, string | undefined] | undefined> {
  const resize = { operation: 'UPDATE', group: '', resource: 'pods', subresource: 'resize', name: 'p' } as const;
  const objects = { object: pod(cpu, generation, nodeName), oldObject: pod('1', 1, nodeName) };
  try {
    await plugin.validate?.({ ...resize, ...objects } as unknown as AdmissionRequest); // all that the plug-in reads
    return undefined;
  } catch (error) {
    assert.ok(error instanceof StatusError && error.code === 403);
    return [error.message, error.status.details?.causes?.[0]?.reason];
  }
}

test('a pod cannot ask for more than its node has, overhead included', async () => {
  assert.equal(await refused('1500m', 'l'), undefined);
  const [message, cause] = (await refused('1600m', 'l')) ?? [];
  assert.match(
    message ?? '',
    /Node didn't have enough allocatable resources: cpu, requested: 2100, allocatable: 2000$/,
  );
  assert.equal(cause, 'NodeCapacity');
});

test('only nodes that are there and can resize do', async () => {
  assert.equal((await refused('1', 'w'))?.[1], 'UnsupportedPlatform');
  assert.match((await refused('1', 'gone'))?.[0] ?? '', /node "gone" not found$/);
  assert.equal(await refused('9', ''), undefined, 'a pod without a node finds one that fits');
  assert.equal(await refused('9', 'l', 1), undefined, 'nothing changed');
});
