import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { StatusError } from '#machinery/status.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { manifest } from '#resources/manifest.ts';
import type { User } from '../admission/admission.ts';
import { defaultClusterRoleBindings, defaultClusterRoles } from '../bootstrap/rbac-objects.ts';
import { fixedListers } from '../fixed-listers.ts';
import type { VirtualResource } from '../registry/handlers.ts';
import {
  kindOf,
  METHODS,
  parsePath,
  type Scenario,
  type Step,
  scenarios,
  type Target,
  userOf,
} from '../recorded-requests.ts';
import { accessReviews } from './access-review.ts';
import { createAuthorization } from './authorization.ts';
import type { Attributes } from './authorizer.ts';
import { roleEscalationCheck } from './rbac/escalation.ts';
import { rulesReview } from './rules-review.ts';

/**
 * Replays recorded requests against the authorizers alone: what the real server refused must be refused here, and what
 * it answered must be allowed. Objects are kept as they were sent; only what decides about access is looked at.
 */
function defaultObjects(): KubeObject[] {
  return [...defaultClusterRoles(), ...defaultClusterRoleBindings()] as KubeObject[];
}

/** What the ServiceAccount admission makes every pod read, unless the pod says no. */
function mountRootCertificate({ spec }: Draft<Pod>): void {
  if (spec.automountServiceAccountToken === false) return;
  const sources = [{ configMap: { name: 'kube-root-ca.crt' } }];
  spec.volumes = [...(spec.volumes ?? []), { name: 'kube-api-access', projected: { sources } }];
  spec.serviceAccountName ??= 'default';
}

class Replay {
  readonly #objects = defaultObjects();
  readonly #access = createAuthorization(fixedListers(this.#objects));
  readonly #escalation = roleEscalationCheck(this.#access.resolver, this.#access.authorizer);
  readonly #reviews = [...accessReviews(this.#access.authorizer), rulesReview(this.#access.authorizer)];

  async run({ name, steps }: Scenario): Promise<void> {
    for (const [at, step] of steps.entries()) await this.#step(`${name}, step ${at}`, step);
  }

  async #step(title: string, { request, response }: Step): Promise<void> {
    const method = METHODS.find((each) => each in request) ?? 'get';
    const path = String(request[method]);
    const target = parsePath(path);
    const user = userOf(request) ?? { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
    const review = this.#reviews.find(({ plural }) => plural === target?.resource);
    let refused = await this.#refuses(user, method, target, request);
    if (!refused && target && review?.create && method === 'post') {
      return this.#review(title, { review, request, response, target, user });
    }
    if (!refused && target?.subresource === 'binding') this.#bind(target, request);
    if (!refused && target && !target.subresource) refused = await this.#write(user, method, target, request);
    if (!response || ![200, 201, 403].includes(response.code)) return;
    assert.equal(refused ? 403 : 'allowed', response.code === 403 ? 403 : 'allowed', `${title}: ${method} ${path}`);
  }

  async #refuses(
    user: User,
    method: (typeof METHODS)[number],
    target: Target | undefined,
    request: Step['request'],
  ): Promise<boolean> {
    const path = String(request[method]);
    const selector = new URLSearchParams(request.query ?? '').get('fieldSelector') ?? '';
    const selected = /^metadata\.name=(.+)$/.exec(selector)?.[1] ?? '';
    const watches = request.query?.includes('watch=') ?? false;
    const verb = {
      get: target?.name ? 'get' : watches ? 'watch' : 'list',
      post: 'create',
      put: 'update',
      patch: 'patch',
      delete: target?.name ? 'delete' : 'deletecollection',
    }[method];
    const attributes: Attributes = target
      ? {
          user,
          verb,
          isResource: true,
          path: '',
          ...target,
          name: target.name || selected,
          ...(selector ? { fieldSelector: selector } : {}),
        }
      : {
          user,
          verb: method,
          isResource: false,
          path,
          group: '',
          version: '',
          resource: '',
          subresource: '',
          namespace: '',
          name: '',
        };
    const { decision } = await this.#access.authorizer.authorize(attributes);
    const creates = (method === 'patch' || method === 'put') && target && !this.#find(target);
    const create = creates ? await this.#access.authorizer.authorize({ ...attributes, verb: 'create' }) : undefined;
    return decision !== 'allow' || (create !== undefined && create.decision !== 'allow');
  }

  #find(target: Target): KubeObject | undefined {
    return this.#objects.find(
      ({ kind, metadata }) =>
        kind === kindOf(target) && metadata.name === target.name && (metadata.namespace ?? '') === target.namespace,
    );
  }

  #bind(target: Target, { body }: Step['request']): void {
    const pod = this.#find(target) as Pod | undefined;
    if (!pod) return;
    const nodeName = String((body?.['target'] as { name?: string } | undefined)?.name);
    this.#objects[this.#objects.indexOf(pod)] = { ...pod, spec: { ...pod.spec, nodeName } } as KubeObject;
  }

  /** Keeps the object; true where the escalation check refuses it. */
  async #write(user: User, method: string, target: Target, { body, query = '' }: Step['request']): Promise<boolean> {
    const definition = manifest.find(({ group, plural }) => group === target.group && plural === target.resource);
    if (!definition || method === 'get') return false;
    const name = target.name || String((body?.['metadata'] as { name?: string } | undefined)?.name ?? '');
    const at = this.#objects.findIndex(
      ({ kind, metadata }) =>
        kind === definition.kind && metadata.name === name && (metadata.namespace ?? '') === target.namespace,
    );
    const old = this.#objects[at];
    if (method === 'delete') {
      if (at >= 0 && !query.includes('dryRun')) this.#objects.splice(at, 1);
      return false;
    }
    const given = body as Partial<KubeObject> | undefined;
    const merged = method === 'patch' ? { ...old, ...given } : given;
    const object = {
      ...merged,
      apiVersion: target.group ? `${target.group}/${target.version}` : target.version,
      kind: definition.kind,
      metadata: {
        ...(method === 'post' ? {} : old?.metadata),
        ...given?.metadata,
        name,
        ...(target.namespace ? { namespace: target.namespace } : {}),
      },
    } as unknown as Draft<KubeObject>;
    try {
      await this.#escalation.admit?.({
        operation: old && method !== 'post' ? 'UPDATE' : 'CREATE',
        group: target.group,
        version: target.version,
        resource: target.resource,
        subresource: '',
        kind: definition.kind,
        namespace: target.namespace,
        name,
        user,
        dryRun: false,
        object,
        oldObject: method === 'post' ? undefined : old,
        options: undefined,
        warn: () => {},
      });
    } catch (error) {
      if (error instanceof StatusError) return error.code === 403;
      throw error;
    }
    if (query.includes('dryRun')) return false;
    if (definition.kind === 'Pod') mountRootCertificate(object as Draft<Pod>);
    if (at >= 0) this.#objects[at] = object as KubeObject;
    else this.#objects.push(object as KubeObject);
    return false;
  }

  async #review(
    title: string,
    {
      review,
      request,
      response,
      target,
      user,
    }: { review: VirtualResource; request: Step['request']; response: Step['response']; target: Target; user: User },
  ): Promise<void> {
    if (!response || ![201, 422].includes(response.code)) return;
    const sent = { metadata: {}, spec: {}, ...structuredClone(request.body) } as unknown as Draft<KubeObject>;
    const context = {
      user,
      namespace: target.namespace,
      name: '',
      dryRun: false,
      now: 0,
      query: new URLSearchParams(),
      warn: () => {},
      signal: AbortSignal.timeout(1000),
    };
    try {
      const answer = (await review.create?.(sent, context)) as {
        status: { reason?: string; evaluationError?: string };
      };
      const status = JSON.parse(JSON.stringify(answer.status));
      for (const text of ['reason', 'evaluationError']) if (status[text]) status[text] = '<text>';
      assert.deepEqual(status, response.body?.status, title);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      assert.equal(error.code, response.code, title);
      const { causes, group } = error.status.details ?? {};
      const fields = causes?.map(({ field, reason }) => ({ field, reason }));
      assert.deepEqual({ causes: fields, group }, response.body?.details, title);
    }
  }
}

for (const file of [
  'storage-access/subjectaccessreview.json',
  'storage-access/selfsubjectrulesreview.json',
  'storage-access/rbac-requests.json',
  'storage-access/rbac-escalation.json',
  'storage-access/node-authorizer.json',
  'admission/rbac-forbidden.json',
]) {
  for (const scenario of scenarios(file)) {
    test(`recorded access: ${scenario.name}`, () => new Replay().run(scenario));
  }
}
