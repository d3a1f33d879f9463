import type { Client } from '#client/client.ts';
import { createClient, deleteCollection, listAll } from '#client/create-client.ts';
import { type DiscoveredResource, discoverResources } from '#client/discovery.ts';
import type { KubeObject } from '#machinery/object.ts';
import { isStatus, showGroupResource, StatusError } from '#machinery/status.ts';
import type { Namespace } from '#machinery/types/core-v1.ts';
import { after, defineController, done, type SetupContext } from '#reconciler/controller.ts';
import { type Emptying, terminatingStatus } from './deletion.ts';
import { namespace } from './namespace.ts';

const FINALIZER = 'kubernetes';
/** While something is left the namespace is looked at this often; pods take their grace period. */
const FIRST_RECHECK_MS = 500;
const MAX_RECHECK_MS = 15_000;

/** Empties namespaces that are deleted and then lets them go. Source: core/v1 API, Namespace; KEP-5080 (pods first). */
export const namespaceController = defineController('namespace-controller', {
  workers: 10,
  setup(context) {
    const namespaces = context.informers.of(namespace);
    const rechecks = new Map<string, number>();
    context.watch(namespaces, ({ metadata }) =>
      metadata.deletionTimestamp === undefined ? [] : [metadata.name ?? ''],
    );
    return {
      async reconcile(name, { client }) {
        const object = namespaces.get(name);
        if (!object || object.metadata.deletionTimestamp === undefined) {
          rechecks.delete(name);
          return done;
        }
        if (!object.spec.finalizers?.includes(FINALIZER)) return done;
        const isEmpty = await terminate(object, client, context);
        if (isEmpty) {
          rechecks.delete(name);
          return done;
        }
        const waitMs = rechecks.get(name) ?? FIRST_RECHECK_MS;
        rechecks.set(name, Math.min(waitMs * 2, MAX_RECHECK_MS));
        return after(waitMs);
      },
    };
  },
});

/** One pass; true where nothing was left and the namespace was let go. */
async function terminate(object: Namespace, client: Client, { clock, signal }: SetupContext): Promise<boolean> {
  const name = object.metadata.name ?? '';
  let current = object;
  if (object.status.phase !== 'Terminating') {
    current = await client.updateStatus(namespace, { ...object, status: { ...object.status, phase: 'Terminating' } });
  }
  const emptying = await empty(name, client, signal);
  const status = terminatingStatus(current.status, emptying, clock.now());
  if (JSON.stringify(status) !== JSON.stringify(current.status)) {
    current = await client.updateStatus(namespace, { ...current, status });
  }
  if (emptying.remaining.size + emptying.failures.length + emptying.undiscovered.length > 0) return false;
  await finalize(current, client);
  return true;
}

/** Takes our finalizer off; the server removes the namespace when it is the last. */
async function finalize(object: Namespace, client: Client): Promise<void> {
  const finalizers = (object.spec.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  const path = `/api/v1/namespaces/${object.metadata.name}/finalize`;
  const body = new TextEncoder().encode(JSON.stringify({ ...object, spec: { ...object.spec, finalizers } }));
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const response = await client.transport.request({ method: 'PUT', path, headers, body });
  for await (const _ of response.body); // The answer is of no interest, but must be read for the stream to end.
  if (response.status === 404 || response.status < 400) return;
  throw new Error(`finalizing namespace ${object.metadata.name} was answered with status ${response.status}`);
}

async function empty(name: string, client: Client, signal: AbortSignal): Promise<Emptying> {
  const { resources, stale } = await discoverResources(client, signal);
  const deletable = resources.filter(
    ({ namespaced, verbs, plural, group }) =>
      // The events of core and events.k8s.io are the same objects.
      namespaced && verbs.includes('delete') && verbs.includes('list') && !(plural === 'events' && group !== ''),
  );
  const found = {
    failures: [] as string[],
    remaining: new Map<string, number>(),
    finalizers: new Map<string, number>(),
  };
  const isPods = ({ group, plural }: DiscoveredResource) => group === '' && plural === 'pods';
  // Pods first: nothing that restrains them (a NetworkPolicy, a Secret in use) may go before they have gone.
  for (const resource of deletable.filter(isPods)) await emptyResource(resource, name, client, found);
  if (found.remaining.size + found.failures.length === 0) {
    const others = deletable.filter((resource) => !isPods(resource));
    await Promise.all(others.map((resource) => emptyResource(resource, name, client, found)));
  }
  return { undiscovered: stale, ...found };
}

interface Found {
  readonly failures: string[];
  readonly remaining: Map<string, number>;
  readonly finalizers: Map<string, number>;
}

async function emptyResource(resource: DiscoveredResource, name: string, client: Client, found: Found): Promise<void> {
  const metadataClient = createClient(client.transport, { metadataOnly: true });
  try {
    const before = await listAll(metadataClient, resource, { namespace: name });
    if (before.items.length === 0) return;
    if (resource.verbs.includes('deletecollection')) {
      await deleteCollection(client, resource, name, { propagationPolicy: 'Background' });
    } else {
      await deleteEach(resource, before.items, client);
    }
    const left = await listAll(metadataClient, resource, { namespace: name });
    if (left.items.length === 0) return;
    const shown = showGroupResource({ group: resource.group, resource: resource.plural });
    found.remaining.set(resource.group ? shown : `${shown}.`, left.items.length);
    for (const finalizer of left.items.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
      found.finalizers.set(finalizer, (found.finalizers.get(finalizer) ?? 0) + 1);
    }
  } catch (error) {
    if (isStatus(error, 'NotFound') || isStatus(error, 'MethodNotAllowed')) return;
    if (!(error instanceof StatusError)) throw error;
    found.failures.push(error.message);
  }
}

async function deleteEach(resource: DiscoveredResource, items: readonly KubeObject[], client: Client): Promise<void> {
  for (const { metadata } of items) {
    if (metadata.deletionTimestamp !== undefined) continue;
    await client.delete(resource, metadata.name ?? '', metadata.namespace, { propagationPolicy: 'Background' });
  }
}
