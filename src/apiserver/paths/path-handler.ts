import type { Answer } from '../http/exchange.ts';
import type { Exchange } from '../request/exchange.ts';

/** Serves a path that is no resource: health, version, metrics, discovery, OpenAPI. It negotiates by itself. */
export interface PathHandler {
  /** Without a slash at the end, which makes no difference: `/openapi/v3`. */
  readonly path: string;
  /** It also serves what lies below the path. */
  readonly below?: boolean;
  /** It looks at the method itself; else only GET and HEAD come to it. */
  readonly anyMethod?: boolean;
  /** Undefined for a path below that is not served. Throws StatusError. */
  handle(exchange: Exchange): Promise<Answer | undefined>;
}
