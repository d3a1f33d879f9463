import { internalError, StatusError } from '#machinery/status.ts';
import type { Layer } from '../request/exchange.ts';

/** Whatever is not a StatusError is a bug of ours or a failing part: the client sees 500, the log the whole story. */
export const containBugs: Layer = async (exchange, next) => {
  try {
    return await next();
  } catch (error) {
    if (error instanceof StatusError) throw error;
    if (exchange.signal.aborted) throw exchange.signal.reason;
    const { method, rawPath } = exchange.request;
    exchange.server.log.error({ err: error, method, path: rawPath, user: exchange.user.name }, 'request failed');
    throw internalError(error instanceof Error ? error.message : String(error));
  }
};
