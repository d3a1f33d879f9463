import type { Change, Informer } from '#client/informer.ts';
import type { KubeObject } from '#machinery/object.ts';
import { discoverResources } from '#client/discovery.ts';
import { quantityOf } from '#machinery/quantity.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { GroupResource } from '#machinery/status.ts';
import type { ResourceQuota } from '#machinery/types/core-v1.ts';
import { after, defineController, done, type SetupContext } from '#reconciler/controller.ts';
import { keyOf, splitKey } from '#reconciler/owners.ts';
import { type Amounts, mask, shownAmounts, sum } from '#machinery/amounts.ts';
import { concerns, evaluatorOf, resourceCharged } from './evaluators.ts';
import { resourceQuota } from './resource-quota.ts';
import { scopesOf } from './scopes.ts';

/** Everything is counted again this often, whatever happened. */
const RESYNC_MS = 180_000;
/** Admission has charged a new object already; it is counted again only to be sure, when others have come too. */
const SETTLE_MS = 1_000;
/** Names in quotas that nobody serves are looked up again this often. */
const DISCOVERY_MS = 30_000;

const ZERO = quantityOf(0);

/**
 * Counts what a namespace holds of what its quotas limit. Admission charges what comes; this gives back what goes, and
 * is right where admission was not: for writes that failed after they were charged. Source: "Resource Quotas".
 */
export const resourceQuotaController = defineController('resourcequota-controller', {
  setup(context) {
    const quotas = context.informers.of(resourceQuota);
    const counted = countedObjects(context, quotas);
    context.watchChanges(quotas, (change) => (needsCount(change) ? [keyOf(change.object)] : []));
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const quota = quotas.get(name, namespace);
        if (!quota) return done;
        const usage = await count(quota, counted, context.clock.now());
        const hard = quota.spec?.hard ?? {};
        const used = shownAmounts(usage);
        if (!sameTexts(hard, quota.status?.hard) || !sameTexts(used, quota.status?.used)) {
          await client.updateStatus(resourceQuota, { ...quota, status: { hard, used } });
        }
        return after(RESYNC_MS);
      },
    };
  },
});

/** Its own status writes, and those of admission, are no reason to count. */
function needsCount(change: Change<ResourceQuota>): boolean {
  if (change.type !== 'updated') return change.type === 'added';
  return JSON.stringify(change.object.spec) !== JSON.stringify(change.old.spec);
}

async function count(quota: ResourceQuota, counted: Counted, now: number): Promise<Amounts> {
  const byResource = Map.groupBy(Object.keys(quota.spec?.hard ?? {}), (name) => shown(resourceCharged(name)));
  let total: Amounts = new Map();
  for (const [resource, names] of byResource) {
    const informer = resource === '' ? undefined : await counted.informer(resource);
    if (!informer) continue;
    const evaluator = evaluatorOf(parsed(resource));
    let usage: Amounts = new Map(names.map((name) => [name, ZERO]));
    for (const object of informer.list(quota.metadata.namespace)) {
      if (!concerns(quota, evaluator, object)) continue;
      usage = sum(
        usage,
        mask(evaluator.usage(object, now), (name) => usage.has(name)),
      );
    }
    total = new Map([...total, ...usage]);
  }
  return total;
}

interface Counted {
  /** The objects of a resource (`deployments.apps`), all there when it resolves; undefined for one that is not served. */
  informer(resource: string): Promise<Informer<KubeObject> | undefined>;
}

/** Informers of what quotas limit, each started when the first quota names it. */
function countedObjects(context: SetupContext, quotas: Informer<ResourceQuota>): Counted {
  const { client, clock, informers, signal } = context;
  const running = new Map<string, Informer<KubeObject>>();
  let served = new Map<string, ResourceRef>();
  let discovered = Number.NEGATIVE_INFINITY;

  async function refOf(resource: string): Promise<ResourceRef | undefined> {
    if (!served.has(resource) && clock.now() - discovered >= DISCOVERY_MS) {
      discovered = clock.now();
      const { resources } = await discoverResources(client, signal);
      const usable = resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes('watch'));
      served = new Map(usable.map((ref) => [shown({ group: ref.group, resource: ref.plural }), ref]));
    }
    return served.get(resource);
  }

  function start(resource: string, ref: ResourceRef): Informer<KubeObject> {
    const informer = informers.of(ref);
    running.set(resource, informer);
    context.watchChanges(informer, (change) => {
      const keys = quotas
        .list(change.object.metadata.namespace)
        .filter(({ spec }) => Object.keys(spec?.hard ?? {}).some((name) => shown(resourceCharged(name)) === resource))
        .map(keyOf);
      if (change.type !== 'added')
        return change.type === 'deleted' || changesUsage(change, resource, clock.now()) ? keys : [];
      for (const key of keys) context.enqueueAfter(key, SETTLE_MS);
      return [];
    });
    return informer;
  }

  function changesUsage({ object, old }: { object: KubeObject; old: KubeObject }, resource: string, now: number) {
    const evaluator = evaluatorOf(parsed(resource));
    const seen = (state: KubeObject) => {
      const scopes = quotas
        .list(state.metadata.namespace)
        .flatMap(({ spec }) => scopesOf(spec ?? {}))
        .map((scope) => evaluator.matches?.(state, scope) ?? false);
      return JSON.stringify([shownAmounts(evaluator.usage(state, now)), scopes]);
    };
    return seen(object) !== seen(old);
  }

  return {
    async informer(resource) {
      const known = running.get(resource);
      const ref = known ? undefined : await refOf(resource);
      const informer = known ?? running.get(resource) ?? (ref && start(resource, ref));
      await informer?.synced;
      return informer;
    },
  };
}

function shown(resource: GroupResource | undefined): string {
  if (!resource) return '';
  return resource.group ? `${resource.resource}.${resource.group}` : resource.resource;
}

function parsed(text: string): GroupResource {
  const dot = text.indexOf('.');
  return dot < 0 ? { group: '', resource: text } : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>> | undefined): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b ?? {}).length && names.every((name) => a[name] === b?.[name]);
}
