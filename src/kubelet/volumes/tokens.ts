import type { Clock } from '#base/clock.ts';
import type { Client } from '#client/client.ts';
import type { Pod, ServiceAccountTokenProjection } from '#machinery/types/core-v1.ts';

interface Token {
  readonly token: string;
  readonly refreshAt: number;
}

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

const DEFAULT_SECONDS = 3600;
/** A token is replaced after this part of its life, or after a day. */
const REFRESH_PART = 0.8;
const MAX_AGE_MS = 24 * 3600_000;
/** A refresh that failed is tried again after this while; the old token is shown until it expires. */
const RETRY_MS = 60_000;

/** Tokens of service accounts that are bound to pods, kept fresh. Source: "Service account token volume projection". */
export class PodTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  /** By pod uid, then by what was asked for. */
  readonly #tokens = new Map<string, Map<string, Token>>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async get(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    const { uid = '', name = '', namespace = '' } = pod.metadata;
    const seconds = Number(projection.expirationSeconds ?? DEFAULT_SECONDS);
    const key = `${projection.audience ?? ''}\n${seconds}`;
    const tokens = this.#tokens.get(uid) ?? new Map<string, Token>();
    this.#tokens.set(uid, tokens);
    const known = tokens.get(key);
    const now = this.#clock.now();
    if (known && now < known.refreshAt) return known.token;
    const account = pod.spec.serviceAccountName || 'default';
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(projection.audience ? { audiences: [projection.audience] } : {}),
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    try {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      const { status } = await this.#client.post<TokenAnswer>(path, body);
      const lifeMs = Date.parse(status.expirationTimestamp) - now;
      tokens.set(key, { token: status.token, refreshAt: now + Math.min(lifeMs * REFRESH_PART, MAX_AGE_MS) });
      return status.token;
    } catch (cause) {
      if (known) {
        tokens.set(key, { token: known.token, refreshAt: now + RETRY_MS });
        return known.token;
      }
      throw new Error(`failed to fetch token: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  /** When a token of the pod is to be replaced next, in milliseconds since the epoch. */
  refreshAt(uid: string): number | undefined {
    const times = [...(this.#tokens.get(uid)?.values() ?? [])].map((token) => token.refreshAt);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  forget(uid: string): void {
    this.#tokens.delete(uid);
  }
}
