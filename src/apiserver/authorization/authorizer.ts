import type { PolicyRule } from '#machinery/types/rbac-v1.ts';
import type { User } from '../admission/admission.ts';

/** What somebody wants to do. Source: authorization/v1 ResourceAttributes and NonResourceAttributes. */
export interface Attributes {
  readonly user: User;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy, ...; for paths the HTTP method in lower case. */
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The URL path, where `isResource` is false. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface Decision {
  readonly decision: 'allow' | 'deny' | 'noOpinion';
  readonly reason: string;
}

/** Authorizers are asked in order; the first that allows or denies decides; no opinion from all is a refusal. */
export interface Authorizer {
  readonly name: string;
  authorize(attributes: Attributes): Decision | Promise<Decision>;
  /** What it would allow `user` in `namespace`, for rules reviews; absent where it cannot tell and has nothing to say. */
  rulesFor?(user: User, namespace: string): UserRules;
}

/** Rules that a user holds. `incomplete`: there is, or may be, more. */
export interface UserRules {
  readonly rules: readonly PolicyRule[];
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}
