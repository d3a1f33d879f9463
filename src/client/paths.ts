import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { ListOptions, WatchOptions, WriteOptions } from './client.ts';

/** `/api/v1`, `/apis/apps/v1`. */
export function groupVersionPath({ group, version }: Pick<ResourceRef, 'group' | 'version'>): string {
  return group ? `/apis/${group}/${version}` : `/api/${version}`;
}

/** Path of a collection: all namespaces where `namespace` is undefined. */
export function collectionPath(resource: ResourceRef, namespace: string | undefined): string {
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupVersionPath(resource)}${scope}/${resource.plural}`;
}

/** Path of one object or of a subresource of it. */
export function objectPath(
  resource: ResourceRef,
  name: string,
  namespace: string | undefined,
  subresource?: string,
): string {
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

export function listQuery(options: ListOptions): Query {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  };
}

export function watchQuery(options: WatchOptions): Query {
  return {
    ...listQuery(options),
    watch: '1',
    allowWatchBookmarks: options.allowWatchBookmarks,
    sendInitialEvents: options.sendInitialEvents,
    timeoutSeconds: options.timeoutSeconds,
  };
}

export function writeQuery(options: WriteOptions & { readonly force?: boolean }): Query {
  return { dryRun: options.dryRun ? 'All' : undefined, fieldManager: options.fieldManager, force: options.force };
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A path with its query; what is undefined or empty is left out. */
export function withQuery(path: string, query: Query): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    parts.push(`${key}=${encodeURIComponent(value)}`);
  }
  if (parts.length === 0) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${parts.join('&')}`;
}
