import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { createDiscovery, type Discovery } from '../discovery/discovery.ts';
import { createOpenApi } from '../openapi/openapi.ts';
import type { PathHandler } from './path-handler.ts';
import type { IsServed } from '../serving.ts';
import { KUBERNETES_VERSION } from './version.ts';

export interface DocumentSources {
  readonly definitions: readonly ResourceDefinition[];
  readonly isServed: IsServed;
  /** `host:port`, known once the server listens. */
  readonly address: () => string;
}

/** Discovery and OpenAPI. */
export function documentPaths({ definitions, isServed, address }: DocumentSources): readonly PathHandler[] {
  let discovery: Discovery | undefined;
  const discover = () => {
    discovery ??= createDiscovery(definitions, { serverAddress: address(), isServed });
    return discovery;
  };
  const discoveryPath = (path: string): PathHandler => ({
    path,
    below: true,
    anyMethod: true,
    async handle({ request: { header, method }, info }) {
      const answer = discover().handle(info.path, header('accept'), header('if-none-match'), method);
      return answer && { ...answer, body: [answer.body] };
    },
  });
  const openApi = createOpenApi({ release: KUBERNETES_VERSION, groups: () => discover().groups });
  const openApiPath: PathHandler = {
    path: '/openapi',
    below: true,
    async handle({ request: { header, query }, info }) {
      const hash = query.get('hash') ?? undefined;
      const more = { hash, acceptEncoding: header('accept-encoding') };
      const answer = openApi.handle(info.path, header('accept'), header('if-none-match'), more);
      if (answer) return { ...answer, body: [answer.body] };
      return info.path.startsWith('/openapi/v3/') ? { status: 404, headers: {}, body: [] } : undefined;
    },
  };
  return [discoveryPath('/api'), discoveryPath('/apis'), openApiPath];
}
