import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { type Refused, requestUpgrade, type Upgraded } from '#streams/upgrade.ts';
import { serviceUnavailableError } from '#machinery/status.ts';
import type { Node } from '#machinery/types/core-v1.ts';

export interface KubeletClientOptions {
  /** PEM of the certificate by which nodes know the API server, and its key. */
  readonly certificate: string;
  readonly key: string;
  /** Authority that signs the certificates of nodes. */
  readonly authority: string;
}

/** Types of node addresses in the order in which they are tried. Upstream's default. */
const ADDRESS_TYPES = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'];
const CONNECT_TIMEOUT_MS = 30_000;
const MAX_IDLE_CONNECTIONS = 4;

/** Where a node's agent listens. */
export function kubeletAddress(node: Node): string {
  const addresses = node.status.addresses ?? [];
  // A host name that nothing resolves is of no use: the address that the node itself names comes first.
  const order = ['InternalIP', ...ADDRESS_TYPES.filter((type) => type !== 'InternalIP')];
  for (const type of order) {
    const found = addresses.find((address) => address.type === type)?.address;
    if (found)
      return `${found.includes(':') ? `[${found}]` : found}:${node.status.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250}`;
  }
  throw serviceUnavailableError(`no preferred addresses found; known addresses: []`);
}

/** Speaks to agents of nodes, which prove by a certificate of the cluster that they are who they say. */
export class KubeletClient implements Disposable {
  readonly #tls;
  readonly #agent: Agent;

  constructor(options: KubeletClientOptions) {
    this.#tls = { cert: options.certificate, key: options.key, ca: options.authority };
    this.#agent = new Agent({ ...this.#tls, keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS });
  }

  /** An ordinary request; redirects are answers like any other (CVE-2020-8559). */
  request(node: Node, path: string, options: ForwardedRequest): Promise<IncomingMessage> {
    return forward(new URL(path, `https://${kubeletAddress(node)}`), { ...options, agent: this.#agent });
  }

  /** Asks for another protocol, on a connection of its own that serves nothing else afterwards. */
  upgrade(node: Node, path: string, options: Omit<ForwardedRequest, 'body'>): Promise<Upgraded | Refused> {
    const url = new URL(path, `https://${kubeletAddress(node)}`);
    const { method, headers, signal } = options;
    return requestUpgrade({ url, method, headers, tls: this.#tls, timeoutMs: CONNECT_TIMEOUT_MS, signal });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export interface ForwardedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Sends a request and resolves with the answer's head; its body is still to be read. */
export async function forward(
  url: URL,
  { method, headers, body, signal, agent }: ForwardedRequest & { readonly agent?: Agent | false },
): Promise<IncomingMessage> {
  const settings = {
    method,
    headers: headers as Record<string, string | string[]>,
    signal,
    ...(agent === undefined ? { agent: false } : { agent }),
  };
  const request =
    url.protocol === 'https:'
      ? httpsRequest(url, agent ? settings : { ...settings, rejectUnauthorized: false })
      : httpRequest(url, settings as object);
  request.setTimeout(CONNECT_TIMEOUT_MS, () => request.destroy(new Error(`no answer from ${url.host}`)));
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      request.setTimeout(0);
      resolve(response);
    });
  });
  answered.catch(() => undefined); // awaited below; the body may fail first
  if (body) {
    for await (const chunk of body) {
      if (request.destroyed) break;
      if (!request.write(chunk))
        await Promise.race([new Promise((resolve) => request.once('drain', resolve)), answered]);
    }
  }
  request.end();
  return answered;
}
