import { forbiddenError, type StatusError } from '#machinery/status.ts';
import type { Attributes } from './authorizer.ts';

/** 403 for what no authorizer allowed, in upstream's words. */
export function notAuthorizedError(attributes: Attributes, reason: string): StatusError {
  const { group, resource, name, isResource } = attributes;
  const tail = reason ? `: ${reason}` : '';
  const message = `${describeAttempt(attributes)}${tail}`;
  return isResource
    ? forbiddenError({ group, resource }, name, message)
    : forbiddenError({ group: '', resource: '' }, '', message);
}

/** `User "x" cannot list resource "pods" in API group "" in the namespace "y"` */
export function describeAttempt(attributes: Attributes): string {
  const { user, verb, group, resource, subresource, namespace, isResource, path } = attributes;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (!isResource) return `${who} path ${JSON.stringify(path)}`;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
