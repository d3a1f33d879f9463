import type { Draft } from '#machinery/object.ts';
import { compileLabelSelector, matchesLabels } from '#machinery/selectors/labels.ts';
import { failure, forbiddenError, type StatusError } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { PodDisruptionBudget } from '#machinery/types/policy-v1.ts';
import type { HandlerContext } from '../registry/handlers.ts';
import type { ServedResource } from '../registry/registry.ts';
import { rewriteObject } from '../registry/rewrite.ts';

/** A budget remembers disrupted pods until its controller has seen them gone; no more than this many. */
const MAX_DISRUPTED_PODS = 2000;
/** The controller has looked at the budget again by then. */
const PROCESSING_SECONDS = 10;
const CONDITION = 'DisruptionAllowed';

/** What a budget says to an eviction. */
export interface BudgetAnswer {
  /** The budget that was asked; undefined where none is about the pod. */
  readonly budget?: string;
  /** The pod may go only as it is now: it is not ready, so that no disruption was taken. */
  readonly asIs: boolean;
}

/** Takes one disruption from the budget of the pod. Throws StatusError 429 where there is none left. */
export async function askBudget(
  budgets: ServedResource,
  pod: Pod,
  { namespace, dryRun, now, signal }: HandlerContext,
): Promise<BudgetAnswer> {
  const [budget, another] = budgetsOf(budgets, pod);
  if (!budget) return { asIs: false };
  if (another) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw failure(500, '', message);
  }
  const name = budget.metadata.name ?? '';
  if (!isReady(pod) && passesUnready(budget)) return { budget: name, asIs: true };
  await rewriteObject(budgets, { namespace, name, dryRun, signal }, (draft) => {
    takeDisruption(draft as Draft<PodDisruptionBudget>, pod.metadata.name ?? '', now);
  });
  return { budget: name, asIs: false };
}

/** A pod without labels is nobody's, whatever the selectors say. */
function budgetsOf(budgets: ServedResource, { metadata }: Pod): readonly PodDisruptionBudget[] {
  if (Object.keys(metadata.labels ?? {}).length === 0) return [];
  return [...budgets.storage.cache.current().scan({ namespace: metadata.namespace ?? '' })]
    .map((entry) => entry.object() as PodDisruptionBudget) // budgets hold budgets
    .filter(({ spec }) => matchesLabels(compileLabelSelector(spec?.selector), metadata.labels));
}

function isReady({ status }: Pod): boolean {
  return Boolean(status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'));
}

/** Whether a pod that is not ready may go without a disruption being taken. */
function passesUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy, desiredHealthy } = status;
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function takeDisruption({ metadata, status }: Draft<PodDisruptionBudget>, pod: string, now: number): void {
  const name = metadata.name ?? '';
  if (!status || Number(status.observedGeneration ?? 0) < Number(metadata.generation ?? 0)) {
    throw stillProcessed(name);
  }
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (status.disruptionsAllowed < 0) throw forbiddenError(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbiddenError(resource, name, why);
  }
  if (status.disruptionsAllowed === 0) throw violation(whyExhausted(name, status), 0);
  status.disruptionsAllowed--;
  if (status.disruptionsAllowed === 0) setExhausted(status, Number(metadata.generation ?? 0), now);
  // the controller has not seen this pod go yet: it must not count it as available meanwhile
  status.disruptedPods = { ...status.disruptedPods, [pod]: formatTime(now) };
}

type BudgetStatus = Draft<NonNullable<PodDisruptionBudget['status']>>;

/** The numbers mean nothing where the controller could not work them out. */
function whyExhausted(name: string, { conditions, desiredHealthy, currentHealthy }: BudgetStatus): string {
  const denied = conditions?.find(({ type, status, message }) => type === CONDITION && status === 'False' && message);
  const not = `The disruption budget ${name} does not allow evicting pods currently`;
  if (denied?.reason === 'SyncFailed') return `${not} because it failed sync: ${denied.message}`;
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  return denied ? `${not} (${denied.reason}): ${denied.message}` : not;
}

function setExhausted(status: BudgetStatus, observedGeneration: number, now: number): void {
  const conditions = status.conditions ?? [];
  const before = conditions.find(({ type }) => type === CONDITION);
  const since = before?.status === 'False' ? before.lastTransitionTime : formatTime(now);
  const made = { type: CONDITION, status: 'False', reason: 'InsufficientPods', message: '' };
  const condition = { ...made, observedGeneration, lastTransitionTime: since };
  status.conditions = [...conditions.filter(({ type }) => type !== CONDITION), condition];
}

/** 429: the budget or the pod changed meanwhile; another try may do. */
export function stillProcessed(budget: string): StatusError {
  return violation(`The disruption budget ${budget} is still being processed by the server.`, PROCESSING_SECONDS);
}

/** With no time to wait for nobody is told to try again soon: clients would do so by themselves, for nothing. */
function violation(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });
}
