import type { Draft } from '#machinery/object.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { badRequestError } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type {
  SelfSubjectReview,
  TokenReview,
  TokenReviewStatus,
  UserInfo,
} from '#machinery/types/authentication-v1.ts';
import type { User } from '../admission/admission.ts';
import type { VirtualResource } from '../registry/handlers.ts';
import { type TokenAuthenticator, TokenError } from './authenticator.ts';

const GROUP = 'authentication.k8s.io';

/** `tokenreviews`: others ask whom a token stands for. Source: authentication.k8s.io/v1. */
export function tokenReview(tokens: TokenAuthenticator, serverAudiences: readonly string[]): VirtualResource {
  return {
    ...named('TokenReview'),
    async create(object) {
      const review = object as Draft<TokenReview>;
      const token = review.spec?.token;
      if (!token) throw badRequestError('token is required for TokenReview in authentication');
      const audiences = review.spec.audiences?.length ? review.spec.audiences : serverAudiences;
      return { ...review, status: await statusOf(tokens, token, audiences) };
    },
  };
}

async function statusOf(
  tokens: TokenAuthenticator,
  token: string,
  audiences: readonly string[],
): Promise<TokenReviewStatus> {
  try {
    const identity = await tokens.authenticateToken(token, audiences);
    if (identity) return { authenticated: true, user: userInfo(identity.user), audiences: identity.audiences };
    return { user: {}, error: 'invalid bearer token' };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { user: {}, error: `[invalid bearer token, ${error.message}]` };
  }
}

/** `selfsubjectreviews`: what `kubectl auth whoami` shows. Source: KEP-3325. */
export function selfSubjectReview(): VirtualResource {
  return {
    ...named('SelfSubjectReview'),
    async create(object, { user, now }) {
      const { apiVersion, kind } = object as Draft<SelfSubjectReview>;
      // whatever was sent is ignored: the answer is about who asks
      return {
        apiVersion,
        kind,
        metadata: { creationTimestamp: formatTime(now) },
        status: { userInfo: userInfo(user) },
      };
    },
  };
}

function named(kind: string): Omit<VirtualResource, 'create'> {
  return {
    group: GROUP,
    version: 'v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    namespaced: false,
    get schema() {
      return kindSchema(GROUP, 'v1', kind);
    },
  };
}

function userInfo({ name, uid, groups, extra }: User): UserInfo {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}
