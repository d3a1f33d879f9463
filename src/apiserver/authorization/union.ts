import type { Attributes, Authorizer, Decision } from './authorizer.ts';

/** Asks authorizers in order: the first that allows or denies decides. The reasons of those without opinion are joined. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    name: 'Union',
    authorize(attributes) {
      return ask(authorizers, attributes, []);
    },
    rulesFor(user, namespace) {
      const parts = authorizers.flatMap((authorizer) => authorizer.rulesFor?.(user, namespace) ?? []);
      return {
        rules: parts.flatMap((part) => part.rules),
        incomplete: parts.some((part) => part.incomplete),
        errors: parts.flatMap((part) => part.errors),
      };
    },
  };
}

/** Stays synchronous as long as those asked are: most requests are decided without a turn of the event loop. */
function ask(
  authorizers: readonly Authorizer[],
  attributes: Attributes,
  reasons: readonly string[],
): Decision | Promise<Decision> {
  const [first, ...others] = authorizers;
  if (!first) return { decision: 'noOpinion', reason: reasons.join('\n') };
  const decision = first.authorize(attributes);
  const go = (answer: Decision) =>
    answer.decision !== 'noOpinion'
      ? answer
      : ask(others, attributes, answer.reason ? [...reasons, answer.reason] : reasons);
  return decision instanceof Promise ? decision.then(go) : go(decision);
}

/** Lets one group do everything, before any other authorizer is asked: `system:masters` cannot be locked out. */
export function privilegedGroupAuthorizer(group: string): Authorizer {
  return {
    name: 'PrivilegedGroup',
    authorize({ user }) {
      return { decision: user.groups.includes(group) ? 'allow' : 'noOpinion', reason: '' };
    },
    rulesFor(user) {
      const all = [
        { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
        { nonResourceURLs: ['*'], verbs: ['*'] },
      ];
      return { rules: user.groups.includes(group) ? all : [], incomplete: false, errors: [] };
    },
  };
}
