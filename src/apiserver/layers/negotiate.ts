import { negotiateRendering } from '../negotiation/accept.ts';
import type { Layer } from '../request/exchange.ts';

/** Finds who answers (404, 405) and in what form (406). Bodies are looked at by whoever reads them (415). */
export const negotiate: Layer = (exchange, next) => {
  const { request, server } = exchange;
  const route = server.routes.route(exchange);
  exchange.route = route;
  if (route.shape) {
    exchange.rendering = negotiateRendering({
      accept: request.header('accept'),
      userAgent: request.header('user-agent'),
      query: request.query,
      shape: route.shape,
      tables: route.tables ?? true,
      ...(route.offered ? { offered: route.offered } : {}),
    });
  }
  return next();
};
