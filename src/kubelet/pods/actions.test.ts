import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#machinery/types/core-v1.ts';
import { containerHash } from '../containers/containers.ts';
import type { ContainerRunState, PodRunState, SandboxState } from '../runtime/pod-state.ts';
import type { ProbeView } from '../probes/probe-manager.ts';
import { planPod } from './actions.ts';

const quiet: ProbeView = { started: () => true, failed: () => undefined };

function pod(spec: object): Pod {
  return {
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: { restartPolicy: 'Always', ...spec },
    status: {},
  } as unknown as Pod;
}

const sandbox: SandboxState = { id: 's', ready: true, createdAt: 1, attempt: 0, ips: ['10.0.0.1'], hostNetwork: false };

function run(name: string, state: ContainerRunState['state'], exitCode = 0): ContainerRunState {
  const times = { createdAt: 1, startedAt: 1, finishedAt: 2 };
  const rest = {
    restartCount: 0,
    reason: '',
    message: '',
    image: 'i',
    imageId: 'i',
    logPath: '',
    sandboxId: 's',
    user: undefined,
  };
  return {
    id: `${name}-id`,
    name,
    state,
    exitCode,
    hash: containerHash({ name, image: 'i', resources: {} }),
    ...times,
    ...rest,
  };
}

function state(...containers: ContainerRunState[]): PodRunState {
  return { uid: 'u', sandboxes: [sandbox], containers };
}

const container = (name: string, more: object = {}) => ({ name, image: 'i', resources: {}, ...more });
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

test('a new pod gets a sandbox, then its first init container', () => {
  const plan = planPod(
    pod({ initContainers: [container('i1'), container('i2')], containers: [container('c')] }),
    { uid: 'u', sandboxes: [], containers: [] },
    quiet,
  );
  assert.deepEqual([plan.createSandbox, plan.killPod, names(plan.start)], [{ attempt: 0 }, false, ['i1']]);
});

test('init containers come one after the other, ordinary ones after the last', () => {
  const spec = pod({
    initContainers: [container('i1'), container('i2')],
    containers: [container('a'), container('b')],
  });
  assert.deepEqual(names(planPod(spec, state(run('i1', 'running')), quiet).start), []);
  assert.deepEqual(names(planPod(spec, state(run('i1', 'exited')), quiet).start), ['i2']);
  assert.deepEqual(names(planPod(spec, state(run('i1', 'exited'), run('i2', 'exited', 1)), quiet).start), ['i2']);
  assert.deepEqual(names(planPod(spec, state(run('i1', 'exited'), run('i2', 'exited')), quiet).start), ['a', 'b']);
});

test('a sidecar is waited for until it has started, and started again whenever it ends', () => {
  const spec = pod({ initContainers: [container('side', { restartPolicy: 'Always' })], containers: [container('c')] });
  const waiting: ProbeView = { ...quiet, started: () => false };
  assert.deepEqual(names(planPod(spec, state(run('side', 'running')), waiting).start), []);
  assert.deepEqual(names(planPod(spec, state(run('side', 'running')), quiet).start), ['c']);
  assert.deepEqual(names(planPod(spec, state(run('side', 'exited'), run('c', 'running')), quiet).start), ['side']);
});

test('restart policies decide over what has ended', () => {
  for (const [restartPolicy, exitCode, restarts] of [
    ['Always', 0, true],
    ['Always', 1, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 1, false],
  ] as const) {
    const plan = planPod(
      pod({ restartPolicy, containers: [container('c')] }),
      state(run('c', 'exited', exitCode)),
      quiet,
    );
    assert.deepEqual(
      [names(plan.start), plan.killPod],
      [restarts ? ['c'] : [], !restarts],
      `${restartPolicy} ${exitCode}`,
    );
  }
});

test('a failed init container ends a pod that may not restart', () => {
  const spec = pod({ restartPolicy: 'Never', initContainers: [container('i')], containers: [container('c')] });
  assert.equal(planPod(spec, state(run('i', 'exited', 1)), quiet).killPod, true);
});

test('a container goes when its probe says so or its image changes', () => {
  const spec = pod({ containers: [container('c')] });
  const failed: ProbeView = { ...quiet, failed: () => 'liveness' };
  const plan = planPod(spec, state(run('c', 'running')), failed);
  assert.deepEqual(
    [plan.kill.map(({ message }) => message), names(plan.start)],
    [['Container c failed liveness probe, will be restarted'], ['c']],
  );
  const other = planPod(pod({ containers: [container('c', { image: 'j' })] }), state(run('c', 'running')), quiet);
  assert.deepEqual(
    other.kill.map(({ message }) => message),
    ['Container c definition changed, will be restarted'],
  );
});

test('a dead sandbox is made anew, but not for what has ended for good', () => {
  const dead: PodRunState = {
    uid: 'u',
    sandboxes: [{ ...sandbox, ready: false }],
    containers: [run('a', 'exited', 0), run('b', 'exited', 137)],
  };
  const plan = planPod(pod({ restartPolicy: 'OnFailure', containers: [container('a'), container('b')] }), dead, quiet);
  assert.deepEqual([plan.killPod, plan.createSandbox, names(plan.start)], [true, { attempt: 1 }, ['b']]);
  assert.equal(
    planPod(pod({ restartPolicy: 'Never', containers: [container('a'), container('b')] }), dead, quiet).createSandbox,
    undefined,
  );
});
