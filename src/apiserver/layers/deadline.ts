import { badRequestError, timeoutError } from '#machinery/status.ts';
import { parseGoDuration } from '../request/duration.ts';
import { isLongRunning, type Layer } from '../request/exchange.ts';

/** Ends requests that take longer than the client's `timeout` parameter or the server's limit with 504. */
export const deadline: Layer = async (exchange, next) => {
  if (isLongRunning(exchange.info)) {
    exchange.request.lasts?.();
    return next();
  }
  const { requestTimeoutMs, ioClock } = exchange.server;
  const asked = exchange.request.query.get('timeout');
  const askedMs = asked ? parseGoDuration(asked) : undefined;
  if (asked && (askedMs === undefined || askedMs < 0))
    throw badRequestError('invalid timeout specified in the request URL');
  const limitMs = askedMs ? Math.min(askedMs, requestTimeoutMs) : requestTimeoutMs;

  const late = Promise.withResolvers<never>();
  const controller = new AbortController();
  const client = exchange.signal;
  const gone = () => controller.abort(client.reason);
  if (client.aborted) gone();
  client.addEventListener('abort', gone, { once: true });
  exchange.signal = controller.signal;
  using _timer = ioClock.after(limitMs, () => {
    const error = timeoutError('request did not complete within the allotted timeout');
    controller.abort(error);
    late.reject(error);
  });
  try {
    return await Promise.race([next(), late.promise]);
  } finally {
    client.removeEventListener('abort', gone);
  }
};
