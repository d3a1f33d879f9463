import type { Attributes } from '../authorization/authorizer.ts';
import { notAuthorizedError } from '../authorization/forbidden.ts';
import type { Exchange, Layer } from '../request/exchange.ts';

/** 403 unless the authorizers allow it. */
export const authorize: Layer = async (exchange, next) => {
  const attributes = attributesOf(exchange);
  const { decision, reason } = await exchange.server.authorizer.authorize(attributes);
  if (decision !== 'allow') throw notAuthorizedError(attributes, reason);
  return next();
};

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
