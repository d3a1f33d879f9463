import type { Listers } from '../listers.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { httpProxies } from './http-proxies.ts';
import { KubeletClient } from './kubelet-client.ts';
import { podConnections } from './pod-connections.ts';

export interface NodeConnectionOptions {
  /** PEM of the authority that signs serving certificates of nodes. */
  readonly ca: string;
  /** PEM of the API server's own certificate toward nodes, and its key. */
  readonly certificate: string;
  readonly key: string;
}

/** Everything of the API that is a connection to a node, a pod or a service: exec, attach, portforward, log, proxy. */
export function nodeConnections(options: NodeConnectionOptions): (listers: Listers) => readonly ConnectHandler[] {
  const kubelets = new KubeletClient({ certificate: options.certificate, key: options.key, authority: options.ca });
  return (listers) => [...podConnections({ listers, kubelets }), ...httpProxies({ listers, kubelets })];
}
