import type { Answer } from '../http/exchange.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { admissionRequest, admit, admitValidating, type ServedResource } from '../registry/registry.ts';
import type { Exchange } from '../request/exchange.ts';
import type { RequestInfo } from '../request/info.ts';
import { handlerContext } from './handler-context.ts';

/** A subresource that is a connection: CONNECT admission, then the handler has the request. */
export async function connect(served: ServedResource, handler: ConnectHandler, exchange: Exchange): Promise<Answer> {
  const { request, info, user, warnings, signal } = exchange;
  const namespace = served.definition.namespaced ? info.namespace : '';
  if (!handler.read) {
    const write = {
      namespace,
      name: info.name,
      subresource: info.subresource,
      user,
      dryRun: false,
      fieldManager: undefined,
      warn: (text: string) => void warnings.push(text),
      signal,
    };
    const options = handler.options?.(request.query);
    const { kind } = handler.kind;
    const admission = {
      ...admissionRequest(served, write, 'CONNECT', { object: undefined, oldObject: undefined, options }),
      kind,
    };
    await admit(served.registry, admission);
    await admitValidating(served.registry, admission);
  }
  const rest = restOf(request.rawPath, info);
  return handler.connect(request, { ...handlerContext(served.registry, exchange, namespace), rest });
}

/**
 * What follows `/proxy` in `/api/v1/nodes/n/proxy/metrics`, still encoded. Counted, not looked for: namespaces and pods
 * may be called `proxy` too.
 */
function restOf(rawPath: string, { prefix, namespace, resource }: RequestInfo): string {
  const own = namespace !== '' && resource !== 'namespaces' ? 2 : 0;
  const before = (prefix === 'apis' ? 4 : 3) + own + 3; // '', prefix, group, version, namespaces, ns, resource, name, sub
  return `/${rawPath.split('/').slice(before).join('/')}`;
}
