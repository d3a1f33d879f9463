import type { HandlerContext } from '../registry/handlers.ts';
import type { RegistryParts } from '../registry/registry.ts';
import type { Exchange } from '../request/exchange.ts';

/** What a handler is told of its request. */
export function handlerContext({ clock }: RegistryParts, exchange: Exchange, namespace: string): HandlerContext {
  const { info, request, user, warnings, signal } = exchange;
  return {
    user,
    namespace,
    name: info.name,
    dryRun: request.query.getAll('dryRun').length > 0,
    now: clock.now(),
    query: request.query,
    warn: (text) => void warnings.push(text),
    signal,
  };
}
