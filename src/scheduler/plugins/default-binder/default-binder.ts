import type { Client } from '#client/client.ts';
import type { Plugin } from '../../framework.ts';

/** Binds through the `binding` subresource. */
export function defaultBinder(client: Client): Plugin {
  return {
    name: 'DefaultBinder',
    async bind(pod, nodeName, signal) {
      const { name = '', namespace = '', uid } = pod.metadata;
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
      await client.post(
        path,
        {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, ...(uid ? { uid } : {}) },
          target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
        },
        { signal },
      );
      return true;
    },
  };
}
