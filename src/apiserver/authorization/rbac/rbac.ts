import type { Attributes, Authorizer, Decision } from '../authorizer.ts';
import { ruleAllows } from './match.ts';
import type { RuleResolver } from './resolver.ts';

/** Allows what roles bound to the user or its groups allow. It never denies. Source: "Using RBAC Authorization". */
export function rbacAuthorizer(resolver: RuleResolver): Authorizer {
  return {
    name: 'RBAC',
    authorize(attributes) {
      return authorizeByRules(resolver, attributes);
    },
    rulesFor(user, namespace) {
      const { rules, errors } = resolver.rulesFor(user, namespace);
      return { rules, incomplete: errors.length > 0, errors: errors.map((error) => error.message) };
    },
  };
}

function authorizeByRules(resolver: RuleResolver, attributes: Attributes): Decision {
  const errors: string[] = [];
  for (const grant of resolver.grants(attributes.user, attributes.namespace)) {
    if (grant.error) errors.push(grant.error.message);
    else if (grant.rules.some((rule) => ruleAllows(rule, attributes))) {
      return { decision: 'allow', reason: `RBAC: allowed by ${grant.explain()}` };
    }
  }
  const [only, ...more] = new Set(errors);
  const shown = more.length > 0 ? `[${[only, ...more].join(', ')}]` : only;
  return { decision: 'noOpinion', reason: shown === undefined ? '' : `RBAC: ${shown}` };
}
