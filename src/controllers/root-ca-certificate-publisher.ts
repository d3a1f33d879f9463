import { isStatus } from '#machinery/status.ts';
import { type Controller, defineController, done } from '#reconciler/controller.ts';
import { isNamespaceTerminating } from '#reconciler/pod-control.ts';
import { configMap } from '#resources/core/config-map/config-map.ts';
import { namespace } from '#resources/core/namespace/namespace.ts';

const NAME = 'kube-root-ca.crt';
const ANNOTATION = 'kubernetes.io/description';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Every namespace has the cluster's CA (PEM) in a ConfigMap, from which pods trust the API server. */
export function rootCaCertificatePublisher(caPem: string): Controller {
  const data = { 'ca.crt': caPem };
  return defineController('root-ca-certificate-publisher-controller', {
    identity: 'root-ca-cert-publisher',
    setup({ informers, watch }) {
      const namespaces = informers.of(namespace);
      const maps = informers.of(configMap);
      watch(namespaces, ({ metadata }) => [metadata.name ?? '']);
      watch(maps, ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ''] : []));
      return {
        async reconcile(name, { client }) {
          const phase = namespaces.get(name)?.status.phase;
          if (phase === undefined || phase === 'Terminating') return done;
          const found = maps.get(NAME, name);
          if (!found) {
            const metadata = { name: NAME, namespace: name, annotations: { [ANNOTATION]: DESCRIPTION } };
            await client.create(configMap, { metadata, data }).catch(ignoreRaces);
            return done;
          }
          const isRight = found.data?.['ca.crt'] === caPem && Object.keys(found.data).length === 1;
          if (isRight && found.metadata.annotations?.[ANNOTATION]) return done;
          const annotations = { ...found.metadata.annotations, [ANNOTATION]: DESCRIPTION };
          await client.update(configMap, { ...found, metadata: { ...found.metadata, annotations }, data });
          return done;
        },
      };
    },
  });
}

/** Somebody else made it, or the namespace is going: both are as good as done. */
function ignoreRaces(error: unknown): void {
  if (!isStatus(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
}
