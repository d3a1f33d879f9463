import type { Answer } from '../http/exchange.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { admissionRequest, admit, admitValidating, type ServedResource } from '../registry/registry.ts';
import type { Exchange } from '../request/exchange.ts';
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
  const rest = restOf(request.rawPath, info.subresource);
  return handler.connect(request, { ...handlerContext(served.registry, exchange, namespace), rest });
}

/** What follows `/proxy` in `/api/v1/nodes/n/proxy/metrics`, still encoded. */
function restOf(rawPath: string, subresource: string): string {
  const mark = `/${subresource}`;
  const segments = rawPath.split('/');
  const index = segments.indexOf(subresource, 4);
  return index < 0 ? rawPath.slice(rawPath.indexOf(mark) + mark.length) : `/${segments.slice(index + 1).join('/')}`;
}
