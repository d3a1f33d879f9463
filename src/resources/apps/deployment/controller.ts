import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { type Act, after, defineController, done, type Result, type SetupContext } from '#reconciler/controller.ts';
import {
  BY_CONTROLLER,
  controllerKey,
  controllerOf,
  controllerUid,
  isControlledBy,
  keyOf,
  splitKey,
} from '#reconciler/owners.ts';
import { claim, isNamespaceTerminating, planClaims } from '#reconciler/pod-control.ts';
import { isPodFinished } from '#reconciler/pods.ts';
import { isEmptySelector, labelMatcher } from '#reconciler/selectors.ts';
import { pod } from '../../core/pod/pod.ts';
import { replicaSet } from '../replica-set/replica-set.ts';
import { deployment } from './deployment.ts';
import { limitsOf } from './limits.ts';
import { annotationsOfCurrentSet, newReplicaSet, REVISION, replicasAnnotations } from './revisions.ts';
import type { SetSize } from './proportional.ts';
import { planCleanup, planRollout, type RolloutPlan, size } from './rollout.ts';
import {
  countStatus,
  hasDeadline,
  isComplete,
  type NewCondition,
  progressing,
  rolloutStatus,
  sameStatus,
  untilDeadlineMs,
  withCondition,
} from './status.ts';
import { canonicalText, sameTemplate } from './template-hash.ts';

/** Rolls templates out by replica sets. Source: apps/v1 API, Deployment. */
export const deploymentController = defineController('deployment-controller', {
  workers: 5,
  setup(context) {
    const { informers, watch, watchChanges } = context;
    const deployments = informers.of(deployment);
    const sets = informers.of(replicaSet);
    const pods = informers.of(pod);
    const podsOf = pods.index(BY_CONTROLLER, controllerUid);
    const setKey = controllerKey(replicaSet);
    const ownerKey = controllerKey(deployment);
    watch(deployments, (object) => [keyOf(object)]);
    watch(sets, (set) => {
      if (controllerOf(set)) return ownerKey(set);
      const siblings = deployments.list(set.metadata.namespace);
      return siblings.filter(({ spec }) => labelMatcher(spec.selector)(set.metadata.labels)).map(keyOf);
    });
    // Only Recreate looks at pods, and only at their going.
    watchChanges(pods, ({ type, object }) => {
      if (type === 'added') return [];
      if (type === 'updated' && !isPodFinished(object)) return [];
      return setKey(object).flatMap((key) => {
        const { namespace, name } = splitKey(key);
        const owner = sets.get(name, namespace);
        return owner ? ownerKey(owner) : [];
      });
    });
    return {
      async reconcile(key, act) {
        const { namespace, name } = splitKey(key);
        const object = deployments.get(name, namespace);
        if (!object) return done;
        const candidates = sets.list(namespace);
        return reconcileDeployment(object, candidates, {
          context,
          act,
          oldPodsRun: (owned, newSet) =>
            owned
              .filter((set) => set !== newSet)
              .some((set) => podsOf.get(set.metadata.uid ?? '').some((found) => !isPodFinished(found))),
        });
      },
    };
  },
});

interface Parts {
  readonly context: SetupContext;
  readonly act: Act;
  readonly oldPodsRun: (owned: readonly ReplicaSet[], newSet: ReplicaSet | undefined) => boolean;
}

async function reconcileDeployment(
  object: Deployment,
  candidates: readonly ReplicaSet[],
  parts: Parts,
): Promise<Result> {
  const { client } = parts.act;
  if (isEmptySelector(object.spec.selector)) return refuseEmptySelector(object, parts);
  const claims = planClaims(object, labelMatcher(object.spec.selector), candidates);
  const sets = await claim({ ownerRef: deployment, owner: object, resource: replicaSet, client }, claims);
  const now = parts.context.clock.now();
  if (object.metadata.deletionTimestamp !== undefined) {
    return writeStatus(object, countStatus({ deployment: object, sets, newSet: undefined, now }), parts);
  }
  const pausing = pauseCondition(object);
  if (pausing) {
    const conditions = withCondition(object.status.conditions ?? [], pausing, now);
    return writeStatus(object, { ...object.status, conditions }, parts);
  }
  const plan = planRollout({
    deployment: object,
    sets,
    oldPodsRun: (newSet) => parts.oldPodsRun(sets, newSet),
  });
  return applyPlan(object, sets, plan, parts);
}

/** Pausing and resuming is told in a condition, so that the progress deadline does not count while paused. */
function pauseCondition(object: Deployment): NewCondition | undefined {
  if (!hasDeadline(object)) return undefined;
  const current = progressing(object);
  if (current?.reason === 'ProgressDeadlineExceeded') return undefined;
  const isTold = current?.reason === 'DeploymentPaused';
  if (object.spec.paused && !isTold) return progress('Unknown', 'DeploymentPaused', 'Deployment is paused');
  if (!object.spec.paused && isTold) return progress('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  return undefined;
}

function progress(status: string, reason: string, message: string): NewCondition {
  return { type: 'Progressing', status, reason, message };
}

async function applyPlan(
  object: Deployment,
  sets: readonly ReplicaSet[],
  plan: RolloutPlan,
  parts: Parts,
): Promise<Result> {
  const { client } = parts.act;
  const { clock } = parts.context;
  let current = object;
  let newSet = plan.newSet;
  let changed = new Map<string, ReplicaSet>();
  if (newSet) {
    newSet = await bringUpToDate(object, newSet, plan.revision, client);
    current = await keepRevision(object, newSet, parts);
    changed.set(newSet.metadata.uid ?? '', newSet);
  }
  if (plan.step.type === 'create') {
    newSet = await createSet(object, plan.step, parts);
    if (!newSet) return done; // The hash collided: the next pass tries another name.
    current = await keepRevision(
      object,
      newSet,
      parts,
      progress('True', 'NewReplicaSetCreated', `Created new replica set "${newSet.metadata.name}"`),
    );
    changed.set(newSet.metadata.uid ?? '', newSet);
  } else if (plan.step.type === 'scale') {
    changed = await applySizes(object, plan.step.sizes, changed, parts);
  }
  const setsNow = [...sets.filter((set) => !changed.has(set.metadata.uid ?? '')), ...changed.values()];
  const input = { deployment: current, sets: setsNow, newSet, now: clock.now() };
  const isNoStep = plan.step.type === 'none';
  if (isNoStep && (object.spec.paused || isComplete(object, object.status))) {
    for (const set of planCleanup(
      object,
      setsNow.filter((set) => set !== newSet),
    )) {
      await client.delete(replicaSet, set.metadata.name ?? '', set.metadata.namespace, {
        ...(set.metadata.uid ? { uid: set.metadata.uid } : {}),
      });
    }
  }
  return writeStatus(current, plan.judgesProgress ? rolloutStatus(input) : countStatus(input), parts);
}

/** Carries out sizes one after the other; each is told in an event. */
async function applySizes(
  object: Deployment,
  sizes: readonly SetSize[],
  known: ReadonlyMap<string, ReplicaSet>,
  { act, context }: Parts,
): Promise<Map<string, ReplicaSet>> {
  const changed = new Map(known);
  for (const { set, replicas } of sizes) {
    const latest = changed.get(set.metadata.uid ?? '') ?? set;
    const annotations = { ...latest.metadata.annotations, ...replicasAnnotations(object, limitsOf(object).maxSurge) };
    const scaled = await act.client.update(replicaSet, {
      ...latest,
      metadata: { ...latest.metadata, annotations },
      spec: { ...latest.spec, replicas },
    });
    changed.set(set.metadata.uid ?? '', scaled);
    if (replicas !== size(set)) recordScale(object, scaled, size(set), context);
  }
  return changed;
}

function recordScale(object: Deployment, set: ReplicaSet, from: number, { events }: SetupContext): void {
  const to = size(set);
  const direction = to > from ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${to}`;
  events.record(object, { type: 'Normal', reason: 'ScalingReplicaSet', message });
}

/** Revision and copied annotations of the set that holds the current template. */
async function bringUpToDate(
  object: Deployment,
  set: ReplicaSet,
  revision: number,
  client: Client,
): Promise<ReplicaSet> {
  const annotations = annotationsOfCurrentSet(object, set, revision);
  const { minReadySeconds = 0 } = object.spec;
  const isCurrent =
    (set.spec.minReadySeconds ?? 0) === minReadySeconds &&
    canonicalText(annotations) === canonicalText(set.metadata.annotations ?? {});
  if (isCurrent) return set;
  return client.update(replicaSet, {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...set.spec, minReadySeconds },
  });
}

/** The deployment carries the revision of its current set; a set that was found is told of in a condition. */
async function keepRevision(
  object: Deployment,
  set: ReplicaSet,
  { act, context }: Parts,
  condition?: NewCondition,
): Promise<Deployment> {
  const found = progress('True', 'FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`);
  const missing = hasDeadline(object) && !progressing(object);
  const news = hasDeadline(object) ? (condition ?? (missing ? found : undefined)) : undefined;
  const revision = set.metadata.annotations?.[REVISION] ?? '';
  let current = object;
  if (object.metadata.annotations?.[REVISION] !== revision) {
    const annotations = { ...object.metadata.annotations, [REVISION]: revision };
    current = await act.client.update(deployment, { ...object, metadata: { ...object.metadata, annotations } });
  }
  if (!news) return current;
  const conditions = withCondition(current.status.conditions ?? [], news, context.clock.now());
  return { ...current, status: { ...current.status, conditions } };
}

/** Creates the set; undefined where its name is taken by another template and the collision count was raised. */
async function createSet(
  object: Deployment,
  { replicas, revision }: { readonly replicas: number; readonly revision: number },
  parts: Parts,
): Promise<ReplicaSet | undefined> {
  const { act, context } = parts;
  const wanted = newReplicaSet(object, { revision, replicas, maxSurge: limitsOf(object).maxSurge });
  try {
    const created = await act.client.create(replicaSet, wanted);
    if (replicas > 0) recordScale(object, created, 0, context);
    return created;
  } catch (error) {
    if (isStatus(error, 'AlreadyExists')) return takeOrAvoid(object, wanted, parts);
    if (isNamespaceTerminating(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Failed to create new replica set "${wanted.metadata.name}": ${why}`;
    context.events.record(object, { type: 'Warning', reason: 'ReplicaSetCreateError', message });
    if (hasDeadline(object)) {
      const condition = progress('False', 'ReplicaSetCreateError', message);
      const conditions = withCondition(object.status.conditions ?? [], condition, context.clock.now());
      await writeStatus(object, { ...object.status, conditions }, parts);
    }
    throw error;
  }
}

/** The name is taken: by our own set, which the cache does not show yet, or by chance by another template's. */
async function takeOrAvoid(
  object: Deployment,
  wanted: ReturnType<typeof newReplicaSet>,
  parts: Parts,
): Promise<ReplicaSet | undefined> {
  const existing = await parts.act.client.get(replicaSet, wanted.metadata.name ?? '', wanted.metadata.namespace);
  if (isControlledBy(existing, object) && sameTemplate(existing.spec.template, object.spec.template)) return existing;
  const collisionCount = (object.status.collisionCount ?? 0) + 1;
  await parts.act.client.updateStatus(deployment, { ...object, status: { ...object.status, collisionCount } });
  return undefined;
}

async function writeStatus(object: Deployment, status: DeploymentStatus, { act, context }: Parts): Promise<Result> {
  const before = context.informers.of(deployment).get(object.metadata.name ?? '', object.metadata.namespace);
  if (!sameStatus(before?.status ?? object.status, status)) {
    await act.client.updateStatus(deployment, { ...object, status });
  }
  const wait = untilDeadlineMs(object, status, context.clock.now());
  return wait === undefined ? done : after(wait);
}

async function refuseEmptySelector(object: Deployment, { context, act }: Parts): Promise<Result> {
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  context.events.record(object, { type: 'Warning', reason: 'SelectingAll', message });
  if (Number(object.status.observedGeneration ?? 0) < Number(object.metadata.generation ?? 0)) {
    const status = { ...object.status, observedGeneration: object.metadata.generation ?? 0 };
    await act.client.updateStatus(deployment, { ...object, status });
  }
  return done;
}
