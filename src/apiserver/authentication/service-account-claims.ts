import type { Pod, Secret, ServiceAccount } from '#machinery/types/core-v1.ts';
import type { User } from '../admission/admission.ts';
import { CREDENTIAL_ID } from './groups.ts';

/** Name and uid of an object to which a token is bound: with it, the token ends. */
export interface BoundReference {
  readonly name: string;
  readonly uid: string;
}

/** The private claims. Source: Kubernetes documentation, "Managing Service Accounts", bound tokens. */
export interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: BoundReference;
  readonly pod?: BoundReference;
  readonly secret?: BoundReference;
  readonly node?: BoundReference;
  /** Seconds since the epoch from which on the use of the token should be noticed: its extended life has begun. */
  readonly warnafter?: number;
}

const USER_PREFIX = 'system:serviceaccount:';

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${USER_PREFIX}${namespace}:${name}`;
}

/** The user that a token makes. */
export function serviceAccountUser(claims: KubernetesClaims, tokenId: string | undefined): User {
  const { namespace, serviceaccount, pod, node } = claims;
  const extra = {
    ...(tokenId ? { [CREDENTIAL_ID]: [`JTI=${tokenId}`] } : {}),
    ...(pod ? { [POD_NAME]: [pod.name], [POD_UID]: [pod.uid] } : {}),
    ...(node ? { [NODE_NAME]: [node.name], ...(node.uid ? { [NODE_UID]: [node.uid] } : {}) } : {}),
  };
  return {
    name: serviceAccountUserName(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const NODE_UID = 'authentication.kubernetes.io/node-uid';

/** An object, or what is left of one that is gone: its name. */
interface Named {
  readonly metadata: { readonly name?: string; readonly uid?: string };
}

/** What a token is made for. */
export interface BoundTo {
  readonly account: ServiceAccount;
  readonly pod?: Pod;
  readonly secret?: Secret;
  /** The node of the pod, or the node that the token is bound to; without a uid where it is not there (any more). */
  readonly node?: Named;
}

export function claimsFor({ account, pod, secret, node }: BoundTo): KubernetesClaims {
  return {
    namespace: account.metadata.namespace ?? '',
    serviceaccount: reference(account),
    ...(pod ? { pod: reference(pod) } : {}),
    ...(secret ? { secret: reference(secret) } : {}),
    ...(node ? { node: reference(node) } : {}),
  };
}

function reference(object: Named): BoundReference {
  return { name: object.metadata.name ?? '', uid: object.metadata.uid ?? '' };
}

/** The claims of a decoded token, or undefined where it is not a bound service-account token. */
export function readClaims(value: unknown): KubernetesClaims | undefined {
  const claims = value as Partial<Record<keyof KubernetesClaims, unknown>> | null | undefined;
  const account = readReference(claims?.serviceaccount);
  if (typeof claims?.namespace !== 'string' || !account) return undefined;
  const pod = readReference(claims.pod);
  const secret = readReference(claims.secret);
  const node = readReference(claims.node);
  return {
    namespace: claims.namespace,
    serviceaccount: account,
    ...(pod ? { pod } : {}),
    ...(secret ? { secret } : {}),
    ...(node ? { node } : {}),
    ...(typeof claims.warnafter === 'number' ? { warnafter: claims.warnafter } : {}),
  };
}

function readReference(value: unknown): BoundReference | undefined {
  const reference = value as { name?: unknown; uid?: unknown } | null | undefined;
  if (typeof reference?.name !== 'string') return undefined;
  return { name: reference.name, uid: typeof reference.uid === 'string' ? reference.uid : '' };
}
