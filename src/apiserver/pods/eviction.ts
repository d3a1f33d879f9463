import type { Draft, KubeObject } from '#machinery/object.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { badRequestError, conflictError, isStatus, notFoundError } from '#machinery/status.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { Eviction } from '#machinery/types/policy-v1.ts';
import { deleteObject } from '../registry/delete.ts';
import { checkedDeleteOptions, type DeleteOptions } from '../registry/delete-options.ts';
import type { HandlerContext, SubresourceHandler } from '../registry/handlers.ts';
import type { ServedResource } from '../registry/registry.ts';
import { rewriteObject } from '../registry/rewrite.ts';
import { askBudget, type BudgetAnswer, stillProcessed } from './disruption-budget.ts';
import { setPodCondition } from './pod-condition.ts';

/** How often a pod is looked at again that changes while it is being evicted. */
const MAX_TRIES = 10;

const EVICTED = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const;

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
  resources: EvictionResources,
  { metadata, deleteOptions }: Draft<Eviction>,
  context: HandlerContext,
): Promise<object> {
  if (metadata.name !== context.name) throw badRequestError('name in URL does not match name in Eviction object');
  const asked = (deleteOptions ?? {}) as DeleteOptions; // decoded by the schema of Eviction
  const dryRun = context.dryRun || (asked.dryRun ?? []).length > 0;
  await evictPod(resources, asked, { ...context, dryRun });
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

async function evictPod(
  { pods, budgets }: EvictionResources,
  asked: DeleteOptions,
  context: HandlerContext,
): Promise<void> {
  const { name, namespace } = context;
  for (let tries = 1; ; tries++) {
    const current = pods.storage.get(namespace, name);
    if (!current) throw notFoundError(pods.groupResource, name);
    const pod = current.object() as Pod; // pods hold pods
    const asIs = asked.preconditions?.resourceVersion ? asked : withRevision(asked, current.revision);
    checkPreconditions(pod, asked);
    if (!passesBudgets(pod)) {
      checkedDeleteOptions(asked); // no disruption is spent on a request that is refused
      const answer = await askBudget(budgets, pod, context);
      return deleteAllowed(pods, { asked, asIs, answer }, context);
    }
    try {
      return await deletePod(pods, isWaiting(pod) ? asIs : asked, context);
    } catch (error) {
      // it has changed meanwhile and is looked at again, unless the client means just that state of it
      if (!isStatus(error, 'Conflict') || asIs === asked || tries === MAX_TRIES) throw error;
    }
  }
}

interface Allowed {
  readonly asked: DeleteOptions;
  /** The same, for the pod as it was when the budget was asked. */
  readonly asIs: DeleteOptions;
  readonly answer: BudgetAnswer;
}

async function deleteAllowed(
  pods: ServedResource,
  { asked, asIs, answer }: Allowed,
  context: HandlerContext,
): Promise<void> {
  try {
    await deletePod(pods, answer.asIs ? asIs : asked, context);
  } catch (error) {
    if (answer.asIs && asIs !== asked && isStatus(error, 'Conflict')) throw stillProcessed(answer.budget ?? '');
    throw error;
  }
}

/** A pod that waits to be started must not become ready unseen. */
function isWaiting({ metadata, status }: Pod): boolean {
  return status?.phase === 'Pending' && !metadata.deletionTimestamp;
}

function withRevision(options: DeleteOptions, revision: number): DeleteOptions {
  return { ...options, preconditions: { ...options.preconditions, resourceVersion: String(revision) } };
}

/** Pods that serve nobody, or go anyway, are no disruption. */
function passesBudgets({ metadata, status }: Pod): boolean {
  const phase = status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || Boolean(metadata.deletionTimestamp);
}

/**
 * Notes on the pod why it goes, then deletes it. As upstream does, the options are checked with the deletion, not
 * before the note.
 */
async function deletePod(pods: ServedResource, asked: DeleteOptions, context: HandlerContext): Promise<void> {
  const { name, namespace, user, dryRun, now, warn, signal } = context;
  let options = asked;
  if (!dryRun) {
    const noted = await rewriteObject(pods, { namespace, name, dryRun, signal }, (draft) => {
      checkPreconditions(draft, asked);
      setPodCondition(draft as Draft<Pod>, EVICTED, now); // pods hold pods
    });
    if (asked.preconditions?.resourceVersion) options = withRevision(asked, Number(noted.metadata.resourceVersion));
  }
  const request = { namespace, name, subresource: '', user, dryRun, fieldManager: undefined, warn, signal };
  await deleteObject(pods, request, checkedDeleteOptions(options));
}

function checkPreconditions({ metadata, kind }: KubeObject, { preconditions = {} }: DeleteOptions): void {
  const failed = (what: string, wanted: string, found: string | undefined) =>
    conflictError(
      { group: '', resource: kind },
      metadata.name ?? '',
      `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
    );
  const { uid, resourceVersion } = preconditions;
  if (uid && uid !== metadata.uid) throw failed('UID', uid, metadata.uid);
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw failed('ResourceVersion', resourceVersion, metadata.resourceVersion);
  }
}
