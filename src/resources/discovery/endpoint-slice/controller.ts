import { isStatus } from '#machinery/status.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { defineController, done } from '#reconciler/controller.ts';
import { joinKey, keyOf, splitKey } from '#reconciler/owners.ts';
import { isNamespaceTerminating } from '#reconciler/pod-control.ts';
import { mapMatcher } from '#reconciler/selectors.ts';
import { node } from '../../core/node/node.ts';
import { pod } from '../../core/pod/pod.ts';
import { service } from '../../core/service/service.ts';
import { endpointSlice } from './endpoint-slice.ts';
import { MANAGED_BY, MANAGER, planSlices, SERVICE_NAME } from './slices.ts';

/** Shows the pods behind each service with a selector in slices. Source: discovery/v1 API, KEP-752. */
export const endpointSliceController = defineController('endpointslice-controller', {
  setup(context) {
    const { informers, watch, watchChanges, events } = context;
    const services = informers.of(service);
    const pods = informers.of(pod);
    const nodes = informers.of(node);
    const slices = informers.of(endpointSlice);
    const owned = slices.index('service', ({ metadata }) =>
      metadata.labels?.[MANAGED_BY] === MANAGER
        ? [joinKey(metadata.namespace, metadata.labels[SERVICE_NAME] ?? '')]
        : [],
    );
    watch(services, (object) => [keyOf(object)]);
    watch(slices, ({ metadata }) => {
      const name = metadata.labels?.[SERVICE_NAME];
      return name && metadata.labels?.[MANAGED_BY] === MANAGER ? [joinKey(metadata.namespace, name)] : [];
    });
    watchChanges(pods, (change) => {
      if (change.type === 'updated' && !servesDifferently(change.old, change.object)) return [];
      const labels = [
        change.object.metadata.labels,
        change.type === 'updated' ? change.old.metadata.labels : undefined,
      ];
      return services
        .list(change.object.metadata.namespace)
        .filter(({ spec }) => labels.some(mapMatcher(spec.selector)))
        .map(keyOf);
    });
    // Zones come from nodes, and pods of unknown nodes are left out: a new node may complete a service.
    watchChanges(nodes, ({ type, object }) =>
      type === 'added' ? servicesOn(object.metadata.name ?? '', pods.list(), services.list()) : [],
    );
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const object = services.get(name, namespace);
        const existing = owned.get(key);
        if (!object || object.metadata.deletionTimestamp !== undefined) {
          return done; // The garbage collector takes the slices with their owner.
        }
        if (!object.spec.selector || object.spec.type === 'ExternalName') {
          // Without a selector the slices are somebody else's; those that are ours are left from before.
          if (object.spec.type !== 'ExternalName') return done;
          for (const slice of existing) await client.delete(endpointSlice, slice.metadata.name ?? '', namespace);
          return done;
        }
        const matches = mapMatcher(object.spec.selector);
        const plan = planSlices({
          service: object,
          pods: pods.list(namespace).filter(({ metadata }) => matches(metadata.labels)),
          nodeOf: (nodeName) => nodes.get(nodeName),
          slices: existing,
        });
        try {
          for (const slice of plan.create) await client.create(endpointSlice, slice);
          for (const slice of plan.update) await client.update(endpointSlice, slice);
          for (const slice of plan.delete) await client.delete(endpointSlice, slice.metadata.name ?? '', namespace);
        } catch (error) {
          if (isNamespaceTerminating(error)) return done;
          if (!isStatus(error, 'Conflict')) {
            const why = error instanceof Error ? error.message : String(error);
            const message = `Error updating Endpoint Slices for Service ${key}: ${why}`;
            events.record(object, { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message });
          }
          throw error;
        }
        return done;
      },
    };
  },
});

function servesDifferently(old: Pod, object: Pod): boolean {
  const view = ({ metadata, spec, status }: Pod) => [
    metadata.labels,
    metadata.deletionTimestamp,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status.phase,
    status.podIPs ?? status.podIP,
    status.conditions?.find(({ type }) => type === 'Ready')?.status,
  ];
  return JSON.stringify(view(old)) !== JSON.stringify(view(object));
}

function servicesOn(
  nodeName: string,
  pods: readonly Pod[],
  services: readonly {
    readonly metadata: Pod['metadata'];
    readonly spec: { readonly selector?: Readonly<Record<string, string>> };
  }[],
): readonly string[] {
  const placed = pods.filter(({ spec }) => spec.nodeName === nodeName);
  if (placed.length === 0) return [];
  return services
    .filter(({ metadata, spec }) => {
      const matches = mapMatcher(spec.selector);
      return placed.some((other) => other.metadata.namespace === metadata.namespace && matches(other.metadata.labels));
    })
    .map(({ metadata }) => joinKey(metadata.namespace, metadata.name ?? ''));
}
