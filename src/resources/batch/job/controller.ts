import type { Client } from '#client/client.ts';
import { isStatus } from '#machinery/status.ts';
import type { Job } from '#machinery/types/batch-v1.ts';
import type { Container, Pod, PodTemplateSpec } from '#machinery/types/core-v1.ts';
import { after, defineController, done, type Result, type SetupContext } from '#reconciler/controller.ts';
import { BY_CONTROLLER, controllerKey, controllerUid, keyOf, splitKey } from '#reconciler/owners.ts';
import { claim, createPod, deletePod, planClaims, podFromTemplate } from '#reconciler/pod-control.ts';
import { labelMatcher } from '#reconciler/selectors.ts';
import { slowStart } from '../../apps/replica-set/replicated-pods.ts';
import { pod } from '../../core/pod/pod.ts';
import { INDEX, indexOf } from './indexes.ts';
import { job } from './job.ts';
import { INDEX_FAILURES, isFinished, type JobPlan, planJob, TRACKING_FINALIZER } from './plan.ts';

/** Value of spec.managedBy that names this controller; jobs of others are left alone. KEP-4368. */
const OURSELVES = 'kubernetes.io/job-controller';

/** Runs pods until enough of them have succeeded. Source: batch/v1 API, Job. */
export const jobController = defineController('job-controller', {
  setup(context) {
    const { informers, watch } = context;
    const jobs = informers.of(job);
    const pods = informers.of(pod);
    const owned = pods.index(BY_CONTROLLER, controllerUid);
    watch(jobs, (object) => [keyOf(object)]);
    watch(pods, controllerKey(job));
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const object = jobs.get(name, namespace);
        if (!object) {
          const left = pods.list(namespace).filter((found) => controllerKey(job)(found)[0] === key);
          for (const orphan of left) await release(orphan, client);
          return done;
        }
        if (object.spec.managedBy !== undefined && object.spec.managedBy !== OURSELVES) return done;
        if (!object.spec.selector) return done; // The server gives every job one; without it pods cannot be told apart.
        const claims = planClaims(object, labelMatcher(object.spec.selector), owned.get(object.metadata.uid ?? ''));
        const own = await claim({ ownerRef: job, owner: object, resource: pod, client }, claims);
        if (isFinished(object)) {
          for (const left of own.filter(isTracked)) await release(left, client);
          return done;
        }
        return applyPlan(object, own, planJob(object, own, context.clock.now()), { client, context });
      },
    };
  },
});

async function applyPlan(
  object: Job,
  pods: readonly Pod[],
  plan: JobPlan,
  { client, context }: { readonly client: Client; readonly context: SetupContext },
): Promise<Result> {
  const tools = { client, events: context.events };
  // The status first: a finalizer may come off only when the stored status tells of the pod.
  if (!sameStatus(object, plan.status)) {
    await client.updateStatus(job, { ...object, status: plan.status });
    for (const event of plan.events) context.events.record(object, event);
  }
  for (const counted of plan.release) await release(counted, client);
  for (const surplus of plan.remove) {
    await release(surplus, client);
    await deletePod(object, surplus, tools);
  }
  for (const stopped of plan.stop) await deletePod(object, stopped, tools);
  const wanted = [...plan.create];
  await slowStart(wanted.length, () => createPod(object, podOf(object, wanted.shift(), pods), tools));
  return plan.againMs === undefined ? done : after(plan.againMs);
}

/** Takes the tracking finalizer off. */
async function release(object: Pod, client: Client): Promise<void> {
  if (!isTracked(object)) return;
  const { name = '', namespace, uid } = object.metadata;
  const patch = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING_FINALIZER] } };
  try {
    await client.patch(pod, { name, namespace, type: 'strategic', body: patch });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(TRACKING_FINALIZER) ?? false;
}

function podOf(object: Job, index: number | undefined, pods: readonly Pod[]) {
  const finalizers = [TRACKING_FINALIZER];
  if (index === undefined) return podFromTemplate(object, object.spec.template, { finalizers });
  const failures = failuresOf(index, pods);
  const annotations = {
    [INDEX]: String(index),
    ...(object.spec.backoffLimitPerIndex === undefined ? {} : { [INDEX_FAILURES]: String(failures) }),
  };
  const template = withIndex(object, index);
  const { metadata, ...rest } = podFromTemplate(object, template, {
    labels: { [INDEX]: String(index) },
    annotations,
    finalizers,
  });
  return { ...rest, metadata: { ...metadata, generateName: `${object.metadata.name}-${index}-` } };
}

/** How often pods of an index have failed. */
function failuresOf(index: number, pods: readonly Pod[]): number {
  const counts = pods
    .filter((found) => indexOf(found) === index && found.status.phase === 'Failed')
    .map(({ metadata }) => Number(metadata.annotations?.[INDEX_FAILURES] ?? 0) + 1);
  return Math.max(0, ...counts);
}

/** Pods of an Indexed job know their index by an environment variable and by their host name. */
function withIndex({ metadata, spec }: Job, index: number): PodTemplateSpec {
  const { template } = spec;
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } },
  };
  const addVariable = (container: Container): Container =>
    container.env?.some(({ name }) => name === variable.name)
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  return {
    ...template,
    spec: {
      ...template.spec,
      hostname: `${metadata.name}-${index}`,
      containers: (template.spec.containers ?? []).map(addVariable),
      ...(template.spec.initContainers ? { initContainers: template.spec.initContainers.map(addVariable) } : {}),
    },
  };
}

/** Counts that are zero and counts that are absent are the same. */
function sameStatus({ status: before }: Job, status: Job['status']): boolean {
  const view = (value: Job['status']) => {
    const { active = 0, ready = 0, terminating = 0, succeeded = 0, failed = 0 } = value;
    const { startTime, completionTime, completedIndexes, failedIndexes } = value;
    const { succeeded: pendingSucceeded = [], failed: pendingFailed = [] } = value.uncountedTerminatedPods ?? {};
    const counts = [active, ready, terminating, succeeded, failed];
    const pending = [value.uncountedTerminatedPods !== undefined, pendingSucceeded, pendingFailed];
    const times = [startTime, completionTime, completedIndexes, failedIndexes];
    return JSON.stringify([counts, pending, times, value.conditions ?? []]);
  };
  return view(before) === view(status);
}
