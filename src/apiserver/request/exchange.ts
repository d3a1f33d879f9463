import type { Logger } from '#base/log.ts';
import type { Clock } from '#base/clock.ts';
import type { User } from '../admission/admission.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import type { RegistryParts } from '../registry/registry.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { Answer, ApiRequest } from '../http/exchange.ts';
import type { ServerMetrics } from '../metrics/metrics.ts';
import type { FlowLimits } from '../layers/flow-control.ts';
import type { Rendering } from '../negotiation/accept.ts';
import type { Routes, Route } from '../operations/routes.ts';
import type { RequestInfo } from './info.ts';

/** One request on its way down the chain: what it is, and what the layers have found out about it so far. */
export interface Exchange {
  readonly request: ApiRequest;
  readonly server: ServerParts;
  /** Aborted when the client is gone or the deadline has passed. */
  signal: AbortSignal;
  /** Set by requestInfo. */
  info: RequestInfo;
  /** Set by authenticate, changed by impersonate. */
  user: User;
  /** True where the transport itself vouches for the user (in-process). */
  readonly vouched: boolean;
  /** Set by negotiate. */
  route: Route | undefined;
  rendering: Rendering;
  /** Texts of Warning headers, in order. */
  readonly warnings: string[];
}

/** What the layers need of the server they run in. */
export interface ServerParts {
  /** What the API sees. */
  readonly apiClock: Clock;
  /** Deadlines. */
  readonly ioClock: Clock;
  readonly log: Logger;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Paths that may be read without credentials; a slash at the end takes in what lies below. */
  readonly anonymousPaths: readonly string[];
  readonly flow: FlowLimits;
  readonly metrics: ServerMetrics;
  readonly routes: Routes;
  readonly registry: RegistryParts;
  /** Longest time for a request that is not long-running. */
  readonly requestTimeoutMs: number;
}

/** Passes an exchange on and sees its answer come back. */
export type Layer = (exchange: Exchange, next: () => Promise<Answer>) => Promise<Answer>;

const LONG_RUNNING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/** Watches and connections have no deadline and do not count as requests in flight. */
export function isLongRunning(info: RequestInfo): boolean {
  if (!info.isResource) return false;
  return info.verb === 'watch' || info.verb === 'proxy' || LONG_RUNNING_SUBRESOURCES.has(info.subresource);
}
