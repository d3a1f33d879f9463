import type { Layer } from '../request/exchange.ts';
import { requestInfo } from '../request/info.ts';

export const readRequestInfo: Layer = (exchange, next) => {
  const { method, path, query } = exchange.request;
  exchange.info = requestInfo(method, path, query);
  return next();
};
