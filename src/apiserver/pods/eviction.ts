import { formatTime } from '#base/clock.ts';
import type { Draft } from '#machinery/object.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { compileLabelSelector, matchesLabels } from '#machinery/selectors/labels.ts';
import { badRequestError, failure, forbiddenError, notFoundError, type StatusError } from '#machinery/status.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '#machinery/types/policy-v1.ts';
import { deleteObject } from '../registry/delete.ts';
import { checkedDeleteOptions, type DeleteOptions } from '../registry/delete-options.ts';
import type { HandlerContext, SubresourceHandler } from '../registry/handlers.ts';
import type { ServedResource } from '../registry/registry.ts';
import { rewriteObject } from '../registry/rewrite.ts';

/** A budget remembers disrupted pods until its controller has seen them gone; no more than this many. */
const MAX_DISRUPTED_PODS = 2000;
const RETRY_SECONDS = 10;

export interface EvictionResources {
  readonly pods: ServedResource;
  readonly budgets: ServedResource;
}

/** `pods/eviction`: deletes a pod where its disruption budget allows it. Source: "API-initiated eviction". */
export function podEviction(resources: () => EvictionResources): SubresourceHandler {
  const schema = () => kindSchema('policy', 'v1', 'Eviction');
  return {
    group: '',
    resource: 'pods',
    subresource: 'eviction',
    body: {
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      get schema() {
        return schema();
      },
    },
    otherBodies: [
      {
        group: 'policy',
        version: 'v1beta1',
        kind: 'Eviction',
        get schema() {
          return schema();
        },
      },
    ],
    create: (object, context) => evict(resources(), object as Draft<Eviction>, context),
  };
}

async function evict(
  { pods, budgets }: EvictionResources,
  { metadata, deleteOptions }: Draft<Eviction>,
  context: HandlerContext,
): Promise<object> {
  const { name, namespace, user, warn, signal } = context;
  if (metadata.name !== name) throw badRequestError('name in URL does not match name in Eviction object');
  const options = checkedDeleteOptions((deleteOptions ?? {}) as DeleteOptions); // decoded by the schema of Eviction
  const dryRun = context.dryRun || (options.dryRun ?? []).length > 0;
  const pod = pods.storage.get(namespace, name)?.object() as Pod | undefined; // pods hold pods
  if (!pod) throw notFoundError(pods.groupResource, name);
  if (!passesBudgets(pod)) await askBudget(budgets, pod, { ...context, dryRun });
  const request = { namespace, name, subresource: '', user, dryRun, fieldManager: undefined, warn, signal };
  await deleteObject(pods, request, options);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

/** Pods that serve nobody, or go anyway, are no disruption. */
function passesBudgets({ metadata, status }: Pod): boolean {
  const phase = status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || Boolean(metadata.deletionTimestamp);
}

/** Takes one disruption from the budget of the pod. Throws StatusError 429 where there is none left. */
async function askBudget(
  budgets: ServedResource,
  pod: Pod,
  { namespace, dryRun, now, signal }: HandlerContext,
): Promise<void> {
  const matching = [...budgets.storage.cache.current().scan({ namespace })]
    .map((entry) => entry.object() as PodDisruptionBudget) // budgets hold budgets
    .filter(({ spec }) => matchesLabels(compileLabelSelector(spec?.selector), pod.metadata.labels));
  const [budget] = matching;
  if (!budget) return;
  if (matching.length > 1) {
    throw failure(
      500,
      '',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  if (!isReady(pod) && passesUnready(budget)) return;
  await rewriteObject(budgets, { namespace, name: budget.metadata.name ?? '', dryRun, signal }, (draft) => {
    takeDisruption(draft as Draft<PodDisruptionBudget>, pod.metadata.name ?? '', now);
  });
}

function isReady({ status }: Pod): boolean {
  return Boolean(status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'));
}

/** Whether a pod that is not ready may go without a disruption being taken. */
function passesUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function takeDisruption({ metadata, status }: Draft<PodDisruptionBudget>, pod: string, now: number): void {
  const name = metadata.name ?? '';
  if (!status || Number(status.observedGeneration ?? 0) < Number(metadata.generation ?? 0)) {
    throw violation(`The disruption budget ${name} is still being processed by the server.`);
  }
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (status.disruptionsAllowed < 0) throw forbiddenError(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS) {
    throw forbiddenError(
      resource,
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    );
  }
  if (status.disruptionsAllowed === 0) {
    throw violation(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
    );
  }
  status.disruptionsAllowed--;
  // the controller has not seen this pod go yet: it must not count it as available meanwhile
  status.disruptedPods = { ...status.disruptedPods, [pod]: formatTime(now) };
}

function violation(message: string): StatusError {
  return failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
    retryAfterSeconds: RETRY_SECONDS,
  });
}
