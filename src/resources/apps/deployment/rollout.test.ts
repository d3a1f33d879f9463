import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { limitsOf } from './limits.ts';
import {
  annotationsOfCurrentSet,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  newReplicaSet,
  REVISION,
  REVISION_HISTORY,
} from './revisions.ts';
import { planCleanup, planRollout } from './rollout.ts';
import { countStatus, isComplete, rolloutStatus } from './status.ts';
import { sameTemplate, templateHash } from './template-hash.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');

function template(image: string): Deployment['spec']['template'] {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image, resources: {} }] } };
}

interface Wish {
  replicas?: number;
  surge?: number | string;
  unavailable?: number | string;
  image?: string;
  spec?: Partial<Deployment['spec']>;
  status?: Deployment['status'];
}

function web({ replicas = 10, surge = 0, unavailable = 0, image = 'web:2', spec = {}, status = {} }: Wish): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'd', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: template(image),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      progressDeadlineSeconds: 600,
      ...spec,
    },
    status,
  };
}

function set(image: string, size: number, available = size, annotations: Record<string, string> = {}): ReplicaSet {
  const name = `web-${image.replace(':', '-')}`;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, uid: name, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z', annotations },
    spec: { replicas: size, selector: {}, template: template(image) },
    status: { replicas: size, availableReplicas: available, readyReplicas: available, observedGeneration: 1 },
  };
}

function show(deployment: Deployment, sets: readonly ReplicaSet[], oldPodsRun = false): string {
  const { step } = planRollout({ deployment, sets, oldPodsRun: () => oldPodsRun });
  if (step.type === 'create') return `create ${step.replicas} revision ${step.revision}`;
  if (step.type === 'none') return 'none';
  return step.sizes.map(({ set: { metadata }, replicas }) => `${metadata.name}=${replicas}`).join(' ');
}

test('rolling update: the table of steps', () => {
  const cases: [string, Wish, ReplicaSet[], string][] = [
    ['first set gets all', {}, [], 'create 10 revision 1'],
    ['surge lets the new set start', { surge: 3 }, [set('web:1', 10)], 'create 3 revision 1'],
    ['no surge: the new set starts empty', { unavailable: 2 }, [set('web:1', 10)], 'create 0 revision 1'],
    ['no surge: the old one gives way first', { unavailable: 2 }, [set('web:1', 10), set('web:2', 0)], 'web-web-1=8'],
    ['then the new one grows', { unavailable: 2 }, [set('web:1', 8), set('web:2', 0)], 'web-web-2=2'],
    ['waits while the new pods are not available', { unavailable: 2 }, [set('web:1', 8), set('web:2', 2, 0)], 'none'],
    ['unavailable old pods go first', { surge: 2 }, [set('web:1', 10, 8), set('web:2', 2, 2)], 'web-web-1=8'],
    [
      'never below minAvailable while new ones crash',
      { surge: 2, unavailable: 2 },
      [set('web:1', 8), set('web:2', 4, 0)],
      'none',
    ],
    [
      'as new ones become available old ones go',
      { surge: 2, unavailable: 2 },
      [set('web:1', 8), set('web:2', 4, 3)],
      'web-web-1=5',
    ],
    ['the end', { surge: 2 }, [set('web:1', 0), set('web:2', 10)], 'none'],
  ];
  for (const [what, wish, sets, expected] of cases) assert.equal(show(web(wish), sets), expected, what);
});

test('recreate: all old pods are gone before the first new one comes', () => {
  const wish = web({ spec: { strategy: { type: 'Recreate' } } });
  assert.equal(show(wish, [set('web:1', 10)]), 'web-web-1=0');
  assert.equal(show(wish, [set('web:1', 0)], true), 'none');
  assert.equal(show(wish, [set('web:1', 0)]), 'create 10 revision 1');
});

test('scaling during a rollout is proportional; a paused one is scaled too and creates nothing', () => {
  const told = { [DESIRED_REPLICAS]: '10', [MAX_REPLICAS]: '13' };
  const sets = [set('web:1', 8, 8, told), set('web:2', 5, 0, told)];
  const spec = { spec: { paused: true } };
  assert.equal(
    show(web({ replicas: 15, surge: 3, status: { replicas: 13 }, ...spec }), sets),
    'web-web-1=11 web-web-2=7',
  );
  assert.equal(show(web({ replicas: 15, surge: 3, status: { replicas: 13 } }), sets), 'web-web-1=11 web-web-2=7');
  assert.equal(show(web({ replicas: 5, surge: 3, status: { replicas: 13 } }), sets), 'web-web-1=5 web-web-2=3');
  assert.equal(show(web({ ...spec }), []), 'none');
});

test('limits: surge rounds up, unavailable rounds down, and both zero becomes one unavailable', () => {
  assert.deepEqual(limitsOf(web({ surge: '25%', unavailable: '25%' })), { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(limitsOf(web({ replicas: 1, surge: 0, unavailable: '25%' })), { maxSurge: 0, maxUnavailable: 1 });
});

test('rollback: the old set becomes the newest revision and remembers its former one', () => {
  const annotations = annotationsOfCurrentSet(web({}), set('web:2', 0, 0, { [REVISION]: '1' }), 3);
  assert.equal(annotations[REVISION], '3');
  assert.equal(annotations[REVISION_HISTORY], '1');
});

test('hash: stable, blind to its own label and to empty fields, different for another template', () => {
  const deployment = web({});
  const created = newReplicaSet(deployment, { revision: 1, replicas: 1, maxSurge: 0 });
  assert.match(created.metadata.name ?? '', /^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
  assert.ok(sameTemplate(created.spec.template, deployment.spec.template));
  assert.notEqual(templateHash(template('a'), undefined), templateHash(template('b'), undefined));
  assert.notEqual(templateHash(template('a'), undefined), templateHash(template('a'), 1));
});

test('status: complete, progressing, and timed out, in upstream words', () => {
  const done = set('web:2', 10);
  const complete = rolloutStatus({ deployment: web({}), newSet: done, sets: [done], now: NOW });
  assert.ok(isComplete(web({}), complete));
  assert.partialDeepStrictEqual(
    complete.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [
      ['Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
      ['Progressing', 'True', 'NewReplicaSetAvailable', 'ReplicaSet "web-web-2" has successfully progressed.'],
    ],
  );
  const stuck = set('web:2', 10, 0);
  const time = '2026-01-01T00:00:00Z';
  const conditions = [
    {
      type: 'Progressing',
      status: 'True',
      reason: 'ReplicaSetUpdated',
      lastUpdateTime: time,
      lastTransitionTime: time,
    },
  ];
  const before = countStatus({ deployment: web({}), newSet: stuck, sets: [stuck], now: NOW });
  const late = rolloutStatus({
    deployment: web({ status: { ...before, conditions } }),
    newSet: stuck,
    sets: [stuck],
    now: NOW + 1000,
  });
  assert.equal(late.conditions?.find(({ type }) => type === 'Progressing')?.reason, 'ProgressDeadlineExceeded');
});

test('cleanup: empty old sets beyond the limit go, lowest revision first', () => {
  const old = ['1', '2', '3'].map((revision) =>
    set(`web:${revision}`, revision === '2' ? 1 : 0, 0, { [REVISION]: revision }),
  );
  const gone = planCleanup(web({ spec: { revisionHistoryLimit: 1 } }), old);
  assert.deepEqual(
    gone.map(({ metadata }) => metadata.name),
    ['web-web-1'],
  );
});
