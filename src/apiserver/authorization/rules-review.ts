import type { Draft } from '#machinery/object.ts';
import { badRequestError } from '#machinery/status.ts';
import type { SelfSubjectRulesReview, SubjectRulesReviewStatus } from '#machinery/types/authorization-v1.ts';
import type { VirtualResource } from '../registry/handlers.ts';
import { named } from './access-review.ts';
import type { Authorizer, UserRules } from './authorizer.ts';

/** `selfsubjectrulesreviews`: what `kubectl auth can-i --list` shows. Source: authorization.k8s.io/v1. */
export function rulesReview(authorizer: Authorizer): VirtualResource {
  return {
    ...named('SelfSubjectRulesReview', false),
    async create(object, { user }) {
      const review = object as Draft<SelfSubjectRulesReview>;
      const namespace = review.spec?.namespace;
      if (!namespace) throw badRequestError('no namespace on request');
      const rules = authorizer.rulesFor?.(user, namespace) ?? { rules: [], incomplete: true, errors: [] };
      return { ...review, spec: {}, status: statusOf(rules) };
    },
  };
}

function statusOf({ rules, incomplete, errors }: UserRules): SubjectRulesReviewStatus {
  return {
    resourceRules: rules
      .filter((rule) => rule.resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        ...(apiGroups?.length ? { apiGroups } : {}),
        ...(resources?.length ? { resources } : {}),
        ...(resourceNames?.length ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter((rule) => rule.nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(errors.length > 0 ? { evaluationError: errors.join(', ') } : {}),
  };
}
