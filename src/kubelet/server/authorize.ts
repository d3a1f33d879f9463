import type { TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Client } from '#client/client.ts';

/** The certificate with which the API server speaks to nodes. */
export const API_SERVER_IDENTITY = 'kube-apiserver-kubelet-client';

export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
}

const CACHE_SIZE = 500;
const CACHE_MS = 30_000;

/** Who may ask this node what. Everything needs an identity; the API server's own may do all. */
export class NodeAuthorizer {
  readonly #client: Client;
  readonly #nodeName: string;
  readonly #tokens = new LRUCache<string, { caller: Caller | undefined }>({ max: CACHE_SIZE, ttl: CACHE_MS });
  readonly #decisions = new LRUCache<string, boolean>({ max: CACHE_SIZE, ttl: CACHE_MS });

  constructor(client: Client, nodeName: string) {
    this.#client = client;
    this.#nodeName = nodeName;
  }

  /** By client certificate, else by bearer token. */
  async authenticate(socket: TLSSocket, authorization: string | undefined): Promise<Caller | undefined> {
    if (socket.authorized) {
      const raw = socket.getPeerCertificate().raw as Buffer | undefined;
      if (raw) return subjectOf(new X509Certificate(raw));
    }
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    if (!token) return undefined;
    const known = this.#tokens.get(token);
    if (known) return known.caller;
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    const { status } = await this.#client.post<{
      readonly status?: { readonly authenticated?: boolean; readonly user?: { username?: string; groups?: string[] } };
    }>('/apis/authentication.k8s.io/v1/tokenreviews', review);
    const caller = status?.authenticated
      ? { name: status.user?.username ?? '', groups: status.user?.groups ?? [] }
      : undefined;
    this.#tokens.set(token, { caller });
    return caller;
  }

  /** Asks the API server whether `caller` may use a subresource of this node. */
  async authorize(caller: Caller, verb: string, subresource: string): Promise<boolean> {
    if (caller.name === API_SERVER_IDENTITY) return true;
    const key = JSON.stringify([caller, verb, subresource]);
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const spec = {
      user: caller.name,
      groups: caller.groups,
      resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: this.#nodeName },
    };
    const { status } = await this.#client.post<{ readonly status?: { readonly allowed?: boolean } }>(
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
    );
    const allowed = status?.allowed === true;
    this.#decisions.set(key, allowed);
    return allowed;
  }
}

function subjectOf(certificate: X509Certificate): Caller {
  const lines = certificate.subject.split('\n');
  const values = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
  return { name: values('CN')[0] ?? '', groups: values('O') };
}

/** Which subresource of nodes a path stands for. Source: "Kubelet authentication/authorization". */
export function subresourceOf(path: string): string {
  const first = path.split('/')[1] ?? '';
  switch (first) {
    case 'stats':
      return 'stats';
    case 'metrics':
      return 'metrics';
    case 'logs':
      return 'log';
    case 'healthz':
      return 'healthz';
    case 'pods':
    case 'runningpods':
      return 'pods';
    case 'configz':
      return 'configz';
    default:
      return 'proxy';
  }
}
