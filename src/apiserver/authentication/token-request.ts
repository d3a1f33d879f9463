import type { Clock } from '#base/clock.ts';
import type { Randomness } from '#base/random.ts';
import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { badRequestError, conflictError, invalidError, notFoundError } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import type { BoundObjectReference, TokenRequest } from '#machinery/types/authentication-v1.ts';
import type { ServiceAccount } from '#machinery/types/core-v1.ts';
import { node } from '#resources/core/node/node.ts';
import { pod } from '#resources/core/pod/pod.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';
import type { Listers } from '../listers.ts';
import type { HandlerContext, SubresourceHandler } from '../registry/handlers.ts';
import { type BoundTo, claimsFor, serviceAccountUserName } from './service-account-claims.ts';
import type { TokenSigner } from './token-signer.ts';

const GROUP = 'authentication.k8s.io';
const KIND = 'TokenRequest';

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/**
 * Pods that were written before tokens expired may hold theirs for too long: a token asked for with exactly this
 * lifetime (which admission gives to the mounted ones) lives a year, and its use after the lifetime is noticed.
 */
const EXTENDED_WHEN_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 3600;

export interface TokenRequestOptions {
  readonly signer: TokenSigner;
  readonly listers: Listers;
  readonly clock: Clock;
  readonly random: Randomness;
  /** Audiences of this server, for requests that name none. */
  readonly audiences: readonly string[];
  /** Longer lifetimes are shortened to this many seconds, with a warning. */
  readonly maxExpirationSeconds?: number;
}

/** `serviceaccounts/token`. Source: KEP-1205, KEP-4193, authentication.k8s.io/v1 TokenRequest. */
export function tokenRequest(options: TokenRequestOptions): SubresourceHandler {
  return {
    group: '',
    resource: 'serviceaccounts',
    subresource: 'token',
    body: {
      group: GROUP,
      version: 'v1',
      kind: KIND,
      get schema() {
        return kindSchema(GROUP, 'v1', KIND);
      },
    },
    create: (object, context) => createToken(options, object as Draft<TokenRequest>, context),
  };
}

async function createToken(
  options: TokenRequestOptions,
  request: Draft<TokenRequest>,
  context: HandlerContext,
): Promise<object> {
  const { listers, signer, clock, random } = options;
  const { namespace, name } = context;
  checkNames(request, context);
  const account = listers(serviceAccount).get(name, namespace);
  if (!account) throw notFoundError({ group: '', resource: 'serviceaccounts' }, name);
  const audiences = request.spec?.audiences?.length ? request.spec.audiences : options.audiences;
  const wanted = Number(request.spec?.expirationSeconds ?? DEFAULT_SECONDS);
  const errors = checkLifetime(wanted);
  if (errors.length > 0) throw invalidError(GROUP, KIND, '', errors);
  const bound = bind(listers, account, request.spec?.boundObjectRef ?? undefined);
  const seconds = shortened(wanted, options.maxExpirationSeconds, context);
  const now = Math.floor(clock.now() / 1000);
  const extended = isExtended(options, bound, seconds, audiences);
  const claims = claimsFor(bound);
  const { token } = await signer.sign({
    subject: serviceAccountUserName(namespace, name),
    audiences,
    issuedAt: now,
    expiresAt: now + (extended ? EXTENDED_SECONDS : seconds),
    claims: extended ? { ...claims, warnafter: now + seconds } : claims,
  });
  return {
    apiVersion: `${GROUP}/v1`,
    kind: KIND,
    metadata: { ...request.metadata, name, namespace, uid: random.uuid(), creationTimestamp: formatTime(clock.now()) },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: request.spec?.boundObjectRef ?? null },
    status: { token, expirationTimestamp: formatTime((now + seconds) * 1000) },
  };
}

function checkNames({ metadata }: Draft<TokenRequest>, { name, namespace }: HandlerContext): void {
  if (metadata?.namespace && metadata.namespace !== namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata?.name && metadata.name !== name) {
    const field = FieldPath.of('metadata', 'name');
    const detail = 'must match the service account name if specified';
    throw invalidError(GROUP, KIND, name, [invalid(field, metadata.name, detail)]);
  }
}

function checkLifetime(seconds: number): readonly FieldError[] {
  const path = FieldPath.of('spec', 'expirationSeconds');
  if (seconds < MIN_SECONDS) return [invalid(path, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > MAX_SECONDS) return [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

function shortened(seconds: number, max: number | undefined, { warn }: HandlerContext): number {
  if (max === undefined || seconds <= max) return seconds;
  warn(`requested expiration of ${seconds} seconds shortened to ${max} seconds`);
  return max;
}

function isExtended(
  { audiences: own }: TokenRequestOptions,
  bound: BoundTo,
  seconds: number,
  audiences: readonly string[],
): boolean {
  return (
    bound.pod !== undefined &&
    seconds === EXTENDED_WHEN_SECONDS &&
    audiences.every((audience) => own.includes(audience))
  );
}

/** Finds what the token is bound to. Throws where it is not there, was made anew, or is of another account. */
function bind(listers: Listers, account: ServiceAccount, reference: BoundObjectReference | undefined): BoundTo {
  if (!reference) return { account };
  const { kind = '', apiVersion = '' } = reference;
  const namespace = account.metadata.namespace ?? '';
  if (!apiVersion.includes('/')) {
    if (kind === 'Pod') return bindPod(listers, account, reference);
    if (kind === 'Secret') return { account, secret: find(listers, secret, reference, namespace) };
    if (kind === 'Node') return { account, node: find(listers, node, reference) };
  }
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  throw badRequestError(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
}

function bindPod(listers: Listers, account: ServiceAccount, reference: BoundObjectReference): BoundTo {
  const found = find(listers, pod, reference, account.metadata.namespace);
  const name = account.metadata.name ?? '';
  if (found.spec.serviceAccountName !== name) {
    throw badRequestError(
      `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`,
    );
  }
  const nodeName = found.spec.nodeName;
  if (!nodeName) return { account, pod: found };
  return { account, pod: found, node: listers(node).get(nodeName) ?? { metadata: { name: nodeName } } };
}

function find<T extends KubeObject>(
  listers: Listers,
  resource: ResourceRef<T>,
  reference: BoundObjectReference,
  namespace?: string,
): T {
  const name = reference.name ?? '';
  if (!name) throw badRequestError('name is required');
  const found = listers(resource).get(name, namespace);
  if (!found) throw notFoundError({ group: '', resource: resource.plural }, name);
  if (reference.uid && reference.uid !== found.metadata.uid) {
    throw conflictError(
      { group: '', resource: resource.kind },
      name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  return found;
}
