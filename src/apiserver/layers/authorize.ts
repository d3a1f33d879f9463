import type { Attributes } from '../authorization/authorizer.ts';
import { notAuthorizedError } from '../authorization/forbidden.ts';
import type { Exchange, Layer } from '../request/exchange.ts';

/** 403 unless the authorizers allow it. */
export const authorize: Layer = async (exchange, next) => {
  await requireRight(exchange, attributesOf(exchange));
  return next();
};

/** Throws 403 unless who asks may also create what the request names: for updates that find nothing to update. */
export function requireCreate(exchange: Exchange): Promise<void> {
  return requireRight(exchange, { ...attributesOf(exchange), verb: 'create' });
}

async function requireRight({ server }: Exchange, attributes: Attributes): Promise<void> {
  const { decision, reason } = await server.authorizer.authorize(attributes);
  if (decision !== 'allow') throw notAuthorizedError(attributes, reason);
}

function attributesOf({ info, user, request }: Exchange): Attributes {
  const fieldSelector = request.query.get('fieldSelector');
  const labelSelector = request.query.get('labelSelector');
  return {
    user,
    verb: info.verb,
    isResource: info.isResource,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: info.path,
    ...(fieldSelector ? { fieldSelector } : {}),
    ...(labelSelector ? { labelSelector } : {}),
  };
}
