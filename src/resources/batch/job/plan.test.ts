import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, JobStatus } from '#machinery/types/batch-v1.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { INDEX, parseIndexes, showIndexes } from './indexes.ts';
import { planJob, TRACKING_FINALIZER } from './plan.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const STARTED = { startTime: '2026-01-01T00:00:00Z', uncountedTerminatedPods: {} };

function job(spec: Partial<Job['spec']> = {}, status: JobStatus = STARTED): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default', uid: 'j' },
    spec: { parallelism: 1, completions: 1, template: { metadata: {}, spec: { containers: [] } }, ...spec },
    status,
  };
}

function pod(uid: string, phase: string, change: { index?: number; tracked?: boolean; exitCode?: number } = {}): Pod {
  const { index, tracked = true, exitCode } = change;
  const terminated = { exitCode: exitCode ?? 1, startedAt: '', finishedAt: '2026-01-01T00:30:00Z' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: uid,
      namespace: 'default',
      uid,
      ...(tracked ? { finalizers: [TRACKING_FINALIZER] } : {}),
      ...(index === undefined ? {} : { annotations: { [INDEX]: String(index) } }),
    },
    spec: { containers: [] },
    status: {
      phase,
      ...(phase === 'Failed'
        ? {
            containerStatuses: [
              {
                name: 'c',
                image: '',
                imageID: '',
                ready: false,
                restartCount: 0,
                lastState: {},
                state: { terminated },
              },
            ],
          }
        : {}),
    },
  };
}

function conditions(status: JobStatus): string {
  return (status.conditions ?? []).map(({ type, reason }) => `${type}:${reason}`).join(' ');
}

test('job: starts, runs, counts once, completes', () => {
  const first = planJob(job({}, {}), [], NOW);
  assert.equal(first.create.length, 1);
  assert.equal(first.status.startTime, '2026-01-01T01:00:00Z');

  const running = planJob(job(), [pod('a', 'Running')], NOW);
  assert.deepEqual([running.create.length, running.status.active, running.release.length], [0, 1, 0]);

  const over = planJob(job(), [pod('a', 'Succeeded')], NOW);
  assert.deepEqual(over.status.uncountedTerminatedPods, { succeeded: ['a'] });
  assert.equal(over.status.succeeded, 0);
  assert.equal(over.release.length, 0, 'not before the stored status tells of it');
  assert.equal(conditions(over.status), 'SuccessCriteriaMet:CompletionsReached');

  const told = planJob(job({}, over.status), [pod('a', 'Succeeded')], NOW);
  assert.deepEqual(
    told.release.map(({ metadata }) => metadata.uid),
    ['a'],
  );

  const end = planJob(job({}, over.status), [pod('a', 'Succeeded', { tracked: false })], NOW);
  assert.equal(end.status.succeeded, 1);
  assert.deepEqual(end.status.uncountedTerminatedPods, {});
  assert.equal(conditions(end.status), 'SuccessCriteriaMet:CompletionsReached Complete:CompletionsReached');
  assert.equal(end.status.completionTime, '2026-01-01T01:00:00Z');
  assert.deepEqual(end.events, [{ type: 'Normal', reason: 'Completed', message: 'Job completed' }]);
});

test('job: fails when the backoff limit is passed, and only when its pods have gone', () => {
  const status = { ...STARTED, failed: 2 };
  const plan = planJob(
    job({ backoffLimit: 2, parallelism: 2, completions: 2 }, status),
    [pod('a', 'Failed'), pod('b', 'Running')],
    NOW,
  );
  assert.equal(conditions(plan.status), 'FailureTarget:BackoffLimitExceeded');
  assert.deepEqual(
    plan.stop.map(({ metadata }) => metadata.uid),
    ['b'],
  );
  const end = planJob(job({ backoffLimit: 2 }, plan.status), [], NOW);
  assert.equal(conditions(end.status), 'FailureTarget:BackoffLimitExceeded Failed:BackoffLimitExceeded');
  assert.equal(end.status.failed, 3);
});

test('job: a new pod waits for the back-off after a failure', () => {
  const recent = { ...pod('a', 'Failed') };
  const at = Date.parse('2026-01-01T00:30:04Z');
  const plan = planJob(job(), [recent], at);
  assert.deepEqual([plan.create.length, plan.againMs], [0, 6000]);
  assert.equal(planJob(job(), [recent], NOW).create.length, 1);
});

test('job: deadline, suspension, resumption, parallelism', () => {
  const late = planJob(job({ activeDeadlineSeconds: 60 }), [pod('a', 'Running')], NOW);
  assert.equal(conditions(late.status), 'FailureTarget:DeadlineExceeded');
  const suspended = planJob(job({ suspend: true }), [pod('a', 'Running')], NOW);
  assert.equal(conditions(suspended.status), 'Suspended:JobSuspended');
  assert.equal(suspended.remove.length, 1);
  assert.equal(suspended.status.startTime, undefined);
  const resumed = planJob(job({}, suspended.status), [], NOW);
  assert.equal(conditions(resumed.status), 'Suspended:JobResumed');
  assert.equal(resumed.create.length, 1);
  const fewer = planJob(job({ parallelism: 1, completions: 5 }), [pod('a', 'Running'), pod('b', 'Pending')], NOW);
  assert.deepEqual(
    fewer.remove.map(({ metadata }) => metadata.uid),
    ['b'],
  );
});

test('indexed job: fills free indexes, each counted once', () => {
  const pods = [
    pod('a', 'Succeeded', { index: 0 }),
    pod('b', 'Running', { index: 2 }),
    pod('c', 'Succeeded', { index: 0 }),
  ];
  const plan = planJob(job({ completionMode: 'Indexed', completions: 5, parallelism: 3 }), pods, NOW);
  assert.deepEqual(plan.create, [1, 3]);
  assert.equal(plan.status.completedIndexes, '0');
  assert.deepEqual(
    plan.release.map(({ metadata }) => metadata.uid),
    ['c'],
  );
});

test('pod failure policy: fail the job, ignore, count', () => {
  const policy = (action: string) => ({
    podFailurePolicy: { rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] },
  });
  const dead = [pod('a', 'Failed', { exitCode: 42 })];
  const failing = planJob(job(policy('FailJob')), dead, NOW);
  assert.equal(
    failing.status.conditions?.[0]?.message,
    'Container c for pod default/a failed with exit code 42 matching FailJob rule at index 0',
  );
  const ignored = planJob(job(policy('Ignore')), dead, NOW);
  assert.deepEqual([ignored.release.length, ignored.status.uncountedTerminatedPods], [1, {}]);
});

test('indexes: text and back', () => {
  for (const text of ['', '0', '1,2', '1,3-5,7', '0-9']) assert.equal(showIndexes(parseIndexes(text)), text);
});
