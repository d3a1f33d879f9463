import { isStatus } from '#machinery/status.ts';
import type { Endpoints, Service } from '#machinery/types/core-v1.ts';
import { type Act, defineController, done } from '#reconciler/controller.ts';
import { keyOf, splitKey } from '#reconciler/owners.ts';
import { isNamespaceTerminating } from '#reconciler/pod-control.ts';
import { mapMatcher } from '#reconciler/selectors.ts';
import { isHeadless } from '../../discovery/endpoint-slice/service-pods.ts';
import { pod } from '../pod/pod.ts';
import { service } from '../service/service.ts';
import { endpoints } from './endpoints.ts';
import { countAddresses, MAX_ADDRESSES, subsetsOf, truncated } from './subsets.ts';

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const HEADLESS = 'service.kubernetes.io/headless';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** Shows the pods behind each service in the old, single object. Source: core/v1 API, Endpoints. */
export const endpointsController = defineController('endpoints-controller', {
  identity: 'endpoint-controller',
  setup({ informers, watch, watchChanges, events }) {
    const services = informers.of(service);
    const pods = informers.of(pod);
    const objects = informers.of(endpoints);
    watch(services, (object) => [keyOf(object)]);
    watchChanges(objects, ({ type, object }) => (type === 'deleted' ? [keyOf(object)] : []));
    watchChanges(pods, (change) => {
      const states = change.type === 'updated' ? [change.object, change.old] : [change.object];
      return services
        .list(change.object.metadata.namespace)
        .filter(({ spec }) => states.some(({ metadata }) => mapMatcher(spec.selector)(metadata.labels)))
        .map(keyOf);
    });
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const object = services.get(name, namespace);
        const existing = objects.get(name, namespace);
        if (!object) {
          if (existing?.metadata.labels?.[MANAGED_BY]) await client.delete(endpoints, name, namespace);
          return done;
        }
        if (!object.spec.selector || object.spec.type === 'ExternalName') return done;
        const matches = mapMatcher(object.spec.selector);
        const selected = pods.list(namespace).filter(({ metadata }) => matches(metadata.labels));
        const wanted = wantedEndpoints(object, subsetsOf(object, selected), existing);
        try {
          await write(wanted, existing, client);
        } catch (error) {
          if (isNamespaceTerminating(error)) return done;
          if (!isStatus(error, 'Conflict')) {
            const verb = existing ? 'update' : 'create';
            const why = error instanceof Error ? error.message : String(error);
            const reason = existing ? 'FailedToUpdateEndpoint' : 'FailedToCreateEndpoint';
            events.record(object, { type: 'Warning', reason, message: `Failed to ${verb} endpoint ${key}: ${why}` });
          }
          throw error;
        }
        return done;
      },
    };
  },
});

function wantedEndpoints(
  { metadata, ...rest }: Service,
  subsets: ReturnType<typeof subsetsOf>,
  existing: Endpoints | undefined,
): Pick<Endpoints, 'metadata' | 'subsets'> {
  const { [OVER_CAPACITY]: _, ...annotations } = existing?.metadata.annotations ?? {};
  const isOver = countAddresses(subsets) > MAX_ADDRESSES;
  const headless = isHeadless({ metadata, ...rest }) ? { [HEADLESS]: '' } : {};
  return {
    metadata: {
      ...existing?.metadata,
      name: metadata.name ?? '',
      namespace: metadata.namespace ?? '',
      labels: { ...metadata.labels, [MANAGED_BY]: 'endpoint-controller', ...headless },
      ...(isOver ? { annotations: { ...annotations, [OVER_CAPACITY]: 'truncated' } } : { annotations }),
    },
    subsets: truncated(subsets),
  };
}

async function write(
  wanted: Pick<Endpoints, 'metadata' | 'subsets'>,
  existing: Endpoints | undefined,
  client: Act['client'],
): Promise<void> {
  if (!existing) {
    await client.create(endpoints, wanted);
    return;
  }
  const view = ({ metadata, subsets }: Pick<Endpoints, 'metadata' | 'subsets'>) =>
    canonical([metadata.labels ?? {}, metadata.annotations ?? {}, subsets ?? []]);
  if (view(wanted) !== view(existing)) await client.update(endpoints, { ...existing, ...wanted });
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
