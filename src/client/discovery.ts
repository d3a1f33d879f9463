import type { ResourceRef } from '#machinery/resource/definition.ts';
import { readBody } from './body.ts';
import type { Client } from './client.ts';
import { errorOf } from './create-client.ts';
import { decodeJson } from './json.ts';

/** A resource as the server offers it, in the version that it prefers. */
export interface DiscoveredResource extends ResourceRef {
  readonly verbs: readonly string[];
}

export interface Discovery {
  readonly resources: readonly DiscoveredResource[];
  /** Group versions whose server could not be asked (a stale aggregated API): `metrics.k8s.io/v1beta1`. */
  readonly stale: readonly string[];
}

/** Source: apidiscovery.k8s.io/v2 APIGroupDiscoveryList. */
interface GroupDiscoveryList {
  readonly items: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly freshness?: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope?: string;
        readonly verbs?: readonly string[];
      }[];
    }[];
  }[];
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** All resources that the server serves, each once. Throws StatusError where it refuses. */
export async function discoverResources(client: Client, signal?: AbortSignal): Promise<Discovery> {
  const resources: DiscoveredResource[] = [];
  const stale: string[] = [];
  for (const path of ['/api', '/apis']) {
    for (const { metadata, versions = [] } of (await read(client, path, signal)).items) {
      const group = metadata?.name ?? '';
      const seen = new Set<string>();
      for (const { version, freshness, resources: offered = [] } of versions) {
        if (freshness === 'Stale') stale.push(group ? `${group}/${version}` : version);
        for (const { resource, responseKind, scope, verbs = [] } of offered) {
          if (seen.has(resource)) continue;
          seen.add(resource);
          const namespaced = scope === 'Namespaced';
          resources.push({ group, version, kind: responseKind?.kind ?? '', plural: resource, namespaced, verbs });
        }
      }
    }
  }
  return { resources, stale };
}

async function read(client: Client, path: string, signal: AbortSignal | undefined): Promise<GroupDiscoveryList> {
  const headers = { accept: AGGREGATED, 'user-agent': 'dhow' };
  const response = await client.transport.request({ method: 'GET', path, headers, ...(signal ? { signal } : {}) });
  const body = await readBody(response);
  if (response.status >= 400) throw errorOf(response.status, body);
  return decodeJson(body) as GroupDiscoveryList;
}
