import type { User } from '../../admission/admission.ts';

const USER_PREFIX = 'system:node:';
const GROUP = 'system:nodes';

/** Name of the node that `user` is, '' for a node without a name, undefined for all others. Name and group both count. */
export function nodeNameOf(user: User): string | undefined {
  if (!user.name.startsWith(USER_PREFIX) || !user.groups.includes(GROUP)) return undefined;
  return user.name.slice(USER_PREFIX.length);
}
