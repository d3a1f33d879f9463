import { failure, forbiddenError, type StatusError } from '#machinery/status.ts';
import type { Attributes } from './authorizer.ts';

/** The 403 for what no authorizer allowed, in upstream's words. */
export function notAuthorizedError(attributes: Attributes, reason: string): StatusError {
  const { user, verb, isResource, group, resource, subresource, namespace, name, path } = attributes;
  const because = reason ? `: ${reason}` : '';
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (!isResource) return failure(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(path)}${because}`, {});
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  const why = `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${because}`;
  return forbiddenError({ group, resource }, name, why);
}
