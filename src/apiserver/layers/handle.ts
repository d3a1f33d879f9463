import { assert } from '#base/assert.ts';
import type { Layer } from '../request/exchange.ts';

/** The end of the chain: whoever the route names. Warnings that came up go with the answer. */
export const handle: Layer = async (exchange) => {
  assert(exchange.route, 'negotiate comes before handle');
  return exchange.route.handle(exchange);
};
