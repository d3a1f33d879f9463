import type { Informer } from '#client/informer.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { isStatus } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#machinery/types/apps-v1.ts';
import type { Pod, PodTemplateSpec, ReplicationController } from '#machinery/types/core-v1.ts';
import { type Act, after, done, type Loop, type SetupContext } from '#reconciler/controller.ts';
import {
  BY_CONTROLLER,
  controllerKey,
  controllerOf,
  controllerUid,
  keyOf,
  sameNumber,
  splitKey,
} from '#reconciler/owners.ts';
import {
  claim,
  createPod,
  deletePod,
  isNamespaceTerminating,
  planClaims,
  podFromTemplate,
} from '#reconciler/pod-control.ts';
import { isPodActive, untilAvailableMs } from '#reconciler/pods.ts';
import { type LabelMatcher, mapMatcher } from '#reconciler/selectors.ts';
import { pod } from '../../core/pod/pod.ts';
import { countReplicas, planScale, type ScalePlan } from './scaling.ts';

/** What replica sets and replication controllers differ in. */
export interface ReplicatedKind<T extends ReplicaSet | ReplicationController> {
  readonly resource: ResourceRef<T>;
  readonly selectorOf: (object: T) => LabelMatcher;
  readonly templateOf: (object: T) => PodTemplateSpec | undefined;
}

/** Names an index of pods that no one controls, by namespace: those could be adopted. */
const ORPHANS = 'orphans';

/** The loop of a kind that keeps a number of pods of one template running. */
export function replicatedPods<T extends ReplicaSet | ReplicationController>(
  kind: ReplicatedKind<T>,
  context: SetupContext,
): Loop {
  const { informers, watch } = context;
  const sets = informers.of(kind.resource);
  const pods = informers.of(pod);
  const owned = pods.index(BY_CONTROLLER, controllerUid);
  const orphans = pods.index(ORPHANS, (object) => (controllerOf(object) ? [] : [object.metadata.namespace ?? '']));
  const parts: Parts<T> = {
    kind,
    context,
    candidates: (set) => [...owned.get(set.metadata.uid ?? ''), ...orphans.get(set.metadata.namespace ?? '')],
    related: (set) => relatedPods(set, sets, owned),
  };
  const ownerKey = controllerKey(kind.resource);
  watch(sets, (set) => [keyOf(set)]);
  watch(pods, (object) => {
    if (controllerOf(object)) return ownerKey(object);
    if (object.metadata.deletionTimestamp !== undefined) return [];
    return sets
      .list(object.metadata.namespace)
      .filter((set) => kind.selectorOf(set)(object.metadata.labels))
      .map(keyOf);
  });
  return {
    async reconcile(key, act) {
      const { namespace, name } = splitKey(key);
      const set = sets.get(name, namespace);
      return set ? reconcileSet(set, parts, act) : done;
    },
  };
}

interface Parts<T extends ReplicaSet | ReplicationController> {
  readonly kind: ReplicatedKind<T>;
  readonly context: SetupContext;
  readonly candidates: (set: T) => readonly Pod[];
  readonly related: (set: T) => readonly Pod[];
}

async function reconcileSet<T extends ReplicaSet | ReplicationController>(set: T, parts: Parts<T>, { client }: Act) {
  const { kind, context, candidates } = parts;
  const { clock } = context;
  const plan = planClaims(
    set,
    kind.selectorOf(set),
    candidates(set).filter((candidate) => isPodActive(candidate) || controllerOf(candidate)),
  );
  const pods = await claim({ ownerRef: kind.resource, owner: set, resource: pod, client }, plan);
  const active = pods.filter(isPodActive);
  let failure: unknown;
  let difference = 0;
  if (set.metadata.deletionTimestamp === undefined) {
    const scale = planScale(set.spec.replicas ?? 1, active, parts.related(set), clock.now());
    difference = scale.create > 0 ? 1 : -scale.delete.length;
    failure = await applyScale(set, scale, parts, client);
  }
  await updateStatus(set, { pods, failure, difference }, parts, client);
  if (failure !== undefined) throw failure;
  const { minReadySeconds = 0 } = set.spec;
  const waits = active.flatMap((object) => untilAvailableMs(object, minReadySeconds, clock.now()) ?? []);
  return waits.length > 0 ? after(Math.min(...waits)) : done;
}

/** Returns the first failure: the status tells of it before it is thrown. */
async function applyScale<T extends ReplicaSet | ReplicationController>(
  set: T,
  scale: ScalePlan,
  { kind, context }: Parts<T>,
  client: Act['client'],
): Promise<unknown> {
  const tools = { client, events: context.events };
  const template = kind.templateOf(set);
  try {
    if (scale.create > 0 && template) {
      const wanted = podFromTemplate(set, template);
      await slowStart(scale.create, () => createPod(set, wanted, tools));
    }
    const results = await Promise.allSettled(scale.delete.map((victim) => deletePod(set, victim, tools)));
    return results.find((result) => result.status === 'rejected')?.reason;
  } catch (error) {
    return isNamespaceTerminating(error) ? undefined : error;
  }
}

/** Does something `count` times in batches of 1, 2, 4, ...: a quota that refuses all is asked once, not 500 times. */
export async function slowStart(count: number, create: () => Promise<unknown>): Promise<void> {
  for (let left = count, batch = 1; left > 0; left -= batch, batch = Math.min(batch * 2, left)) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(batch, left) }, create));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

interface Outcome {
  readonly pods: readonly Pod[];
  readonly failure: unknown;
  /** Above zero where pods were to be created. */
  readonly difference: number;
}

async function updateStatus<T extends ReplicaSet | ReplicationController>(
  set: T,
  outcome: Outcome,
  { kind, context }: Parts<T>,
  client: Act['client'],
): Promise<void> {
  const now = context.clock.now();
  const counts = countReplicas({
    pods: outcome.pods,
    templateMatches: mapMatcher(kind.templateOf(set)?.metadata.labels),
    minReadySeconds: set.spec.minReadySeconds ?? 0,
    now,
  });
  // Replication controllers have no such field.
  const { terminatingReplicas: _, ...countsOfController } = counts;
  const conditions = nextConditions(set.status.conditions ?? [], outcome, now);
  const status: ReplicaSetStatus = {
    ...(kind.resource.kind === 'ReplicaSet' ? counts : countsOfController),
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  if (sameStatus(set.status, status)) return;
  try {
    await client.updateStatus(kind.resource, { ...set, status });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

const FAILURE = 'ReplicaFailure';

function nextConditions(
  conditions: readonly ReplicaSetCondition[],
  { failure, difference }: Outcome,
  now: number,
): readonly ReplicaSetCondition[] {
  const present = conditions.find((condition) => condition.type === FAILURE);
  if (failure === undefined) return present ? conditions.filter((condition) => condition !== present) : conditions;
  if (present) return conditions;
  return [
    ...conditions,
    {
      type: FAILURE,
      status: 'True',
      lastTransitionTime: formatTime(now),
      reason: difference > 0 ? 'FailedCreate' : 'FailedDelete',
      message: failure instanceof Error ? failure.message : 'unknown error',
    },
  ];
}

function sameStatus(a: ReplicaSetStatus, b: ReplicaSetStatus): boolean {
  return (
    a.replicas === b.replicas &&
    sameNumber(a.fullyLabeledReplicas, b.fullyLabeledReplicas) &&
    sameNumber(a.readyReplicas, b.readyReplicas) &&
    sameNumber(a.availableReplicas, b.availableReplicas) &&
    sameNumber(a.terminatingReplicas, b.terminatingReplicas) &&
    sameNumber(a.observedGeneration, b.observedGeneration) &&
    JSON.stringify(a.conditions ?? []) === JSON.stringify(b.conditions ?? [])
  );
}

/** Active pods of all sets that share the set's own controller. */
function relatedPods<T extends ReplicaSet | ReplicationController>(
  set: T,
  sets: Informer<T>,
  owned: { get(uid: string): readonly Pod[] },
): readonly Pod[] {
  const owner = controllerOf(set);
  const related = owner
    ? sets.list(set.metadata.namespace).filter((other) => controllerOf(other)?.uid === owner.uid)
    : [set];
  return related.flatMap((other) => owned.get(other.metadata.uid ?? '')).filter(isPodActive);
}
