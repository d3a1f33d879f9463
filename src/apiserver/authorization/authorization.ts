import type { Listers } from '../listers.ts';
import type { Authorizer } from './authorizer.ts';
import { nodeAuthorizer } from './node/node-authorizer.ts';
import { rbacAuthorizer } from './rbac/rbac.ts';
import { RuleResolver } from './rbac/resolver.ts';
import { privilegedGroupAuthorizer, unionAuthorizer } from './union.ts';

export interface Authorization {
  /** In the order in which they are asked. */
  readonly authorizers: readonly Authorizer[];
  /** All of them as one, for reviews and for admission. */
  readonly authorizer: Authorizer;
  readonly resolver: RuleResolver;
}

/** Who may do what: `system:masters` everything, nodes what their pods need, all others what roles give them. */
export function createAuthorization(listers: Listers): Authorization {
  const resolver = new RuleResolver(listers);
  const authorizers = [privilegedGroupAuthorizer('system:masters'), nodeAuthorizer(listers), rbacAuthorizer(resolver)];
  return { authorizers, authorizer: unionAuthorizer(authorizers), resolver };
}
