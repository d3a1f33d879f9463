import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { systemRandomness } from '#base/random.ts';
import { type Draft, deepFreeze, draftOf, type KubeObject } from '#machinery/object.ts';
import { applyJsonPatch } from '#machinery/patch/json-patch.ts';
import { applyMergePatch } from '#machinery/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#machinery/patch/strategic-merge.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import { StatusError } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import { manifest } from '#resources/manifest.ts';
import { createAuthorization } from '../authorization/authorization.ts';
import { systemPriorityClasses } from '../bootstrap/system-objects.ts';
import { fixedListers } from '../fixed-listers.ts';
import {
  METHODS,
  NAMESPACE,
  parsePath,
  type Scenario,
  type Step,
  scenarios,
  type Target,
  userOf,
} from '../recorded-requests.ts';
import type { AdmissionRequest } from './admission.ts';
import { defaultAdmission } from './default-admission.ts';

/**
 * Replays recorded writes against the plug-ins alone: what the real server's admission refused must be refused, and
 * the specs of pods, the finalizers and the classes must come out as recorded. Validation is not run: its 422 are
 * passed over.
 */
const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

class Replay {
  readonly #objects: KubeObject[] = [
    object('v1', 'Namespace', { name: NAMESPACE }, { status: { phase: 'Active' } }),
    object('v1', 'ServiceAccount', { name: 'default', namespace: NAMESPACE }),
    ...(systemPriorityClasses() as readonly KubeObject[]),
  ];
  readonly #listers = fixedListers(this.#objects);
  readonly #plugins = defaultAdmission({
    listers: this.#listers,
    ...createAuthorization(this.#listers),
    random: systemRandomness,
    clock: systemClock,
    quotas: () => assert.fail('no quota is recorded here'),
    disabled: ['NodeRestriction'], // the recorded server ran without it
  });
  #made = 0;

  async run({ name, steps }: Scenario): Promise<void> {
    for (const [at, step] of steps.entries()) await this.#step(`${name}, step ${at}`, step);
  }

  async #step(title: string, { request, response }: Step): Promise<void> {
    const method = METHODS.find((each) => each in request) ?? 'get';
    const target = parsePath(String(request[method]));
    const definition = manifest.find(({ group, plural }) => group === target?.group && plural === target.resource);
    if (!target || !definition || method === 'get' || (response && response.code === 422)) return;
    const body = request.body as Partial<KubeObject> | undefined;
    const name = target.name || body?.metadata?.name || '';
    const old = this.#find(definition.kind, name, target.namespace);
    if (method !== 'post' && !old) return;
    const schema = request.type === 'strategic' ? definition.versions[0]?.schema : undefined;
    const draft =
      method === 'delete' ? undefined : this.#draft(method, target, body, { kind: definition.kind, old, schema });
    if (draft && !target.subresource) definition.strategy.defaults?.(draft);
    const warnings: string[] = [];
    const code = await this.#admit(
      admissionRequest(request, {
        target,
        kind: definition.kind,
        name,
        draft,
        old,
        method,
        warn: (text) => warnings.push(text),
      }),
    );
    if (draft && !target.subresource) definition.strategy.defaults?.(draft); // as after mutation
    const recorded = response?.code ?? 200;
    if (recorded === 403 || recorded === 404) return assert.equal(code, recorded, title);
    if (recorded >= 300 || (target.subresource && !['status', 'resize'].includes(target.subresource))) return;
    assert.equal(code, 200, title);
    if (COUNTED.test(title)) assert.equal(warnings.length, response?.warnings ?? 0, `${title}: ${warnings.join()}`);
    if (draft && !target.subresource) compare(title, draft, response?.body);
    if (!request.query?.includes('dryRun')) this.#keep(target, method, old, draft);
  }

  async #admit(request: AdmissionRequest): Promise<number> {
    try {
      for (const plugin of this.#plugins) await plugin.admit?.(request);
      const before = JSON.stringify(request.object);
      for (const plugin of this.#plugins) await plugin.validate?.(request);
      assert.equal(JSON.stringify(request.object), before, 'validation changes nothing');
      return 200;
    } catch (error) {
      if (error instanceof StatusError) return error.code;
      throw error;
    }
  }

  #find(kind: string, name: string, namespace: string): KubeObject | undefined {
    return this.#objects.find(
      (each) =>
        each.kind === kind &&
        each.metadata.name === name &&
        (kind === 'Namespace' || (each.metadata.namespace ?? '') === namespace),
    );
  }

  #draft(
    method: string,
    { group, version, namespace, resource }: Target,
    body: Partial<KubeObject> | undefined,
    { kind, old, schema }: Pick<Write, 'kind' | 'old'> & { readonly schema: StructSchema | undefined },
  ): Draft<KubeObject> {
    const base = method === 'patch' ? patched(old, body, schema) : structuredClone(body);
    const draft = base as Draft<KubeObject>;
    draft.apiVersion = group ? `${group}/${version}` : version;
    draft.kind = kind;
    const named = namespace && resource !== 'namespaces' ? { namespace } : {};
    const kept = method === 'put' ? old?.metadata : {};
    draft.metadata = { ...draftOf(kept ?? {}), ...draft.metadata, ...named };
    return draft;
  }

  #keep(target: Target, method: string, old: KubeObject | undefined, draft: Draft<KubeObject> | undefined): void {
    const at = old ? this.#objects.indexOf(old) : -1;
    if (method === 'delete' && old) {
      const ending = { ...old, status: { phase: 'Terminating' } } as KubeObject;
      // the service account controller makes the default account again
      if (old.kind === 'Namespace') this.#objects[at] = ending;
      else if (old.kind !== 'ServiceAccount' || old.metadata.name !== 'default') this.#objects.splice(at, 1);
      return;
    }
    if (!draft) return;
    this.#made += 1;
    draft.metadata.creationTimestamp ??= formatTime(this.#made * 1000);
    draft.metadata.uid ??= `uid-${this.#made}`;
    const stored = deepFreeze(draftOf(draft)) as KubeObject;
    if (at >= 0) this.#objects[at] = stored;
    else this.#objects.push(stored);
  }
}

/** Scenarios whose every warning comes from admission. */
const COUNTED = /^podsecurity \/ (?!baseline:)/;

interface Write {
  readonly target: Target;
  readonly kind: string;
  readonly name: string;
  readonly draft: Draft<KubeObject> | undefined;
  readonly old: KubeObject | undefined;
  readonly method: string;
  readonly warn: (text: string) => void;
}

function admissionRequest(
  request: Step['request'],
  { target, kind, name, draft, old, method, warn }: Write,
): AdmissionRequest {
  const creates = method === 'post';
  return {
    operation: method === 'delete' ? 'DELETE' : creates ? 'CREATE' : 'UPDATE',
    group: target.group,
    version: target.version,
    resource: target.resource,
    subresource: target.subresource,
    kind,
    namespace: target.namespace,
    name,
    user: userOf(request) ?? ADMIN,
    dryRun: request.query?.includes('dryRun') ?? false,
    object: draft,
    oldObject: creates ? undefined : old,
    options: undefined,
    warn,
  };
}

/** What admission decides about: for pods the parts of the spec, for the others finalizers, class and taints. */
const DECIDED = [
  'tolerations',
  'priority',
  'priorityClassName',
  'preemptionPolicy',
  'volumes',
  'imagePullSecrets',
  'serviceAccountName',
  'nodeSelector',
  'overhead',
  'storageClassName',
  'ingressClassName',
  'taints',
];

function compare(title: string, written: Draft<KubeObject>, recorded: object | undefined): void {
  if (!recorded || !('spec' in recorded) || !('metadata' in recorded)) return;
  assert.deepEqual(decided(written), decided(recorded), title);
}

function decided(value: object): unknown {
  const { spec = {}, metadata = {} } = value as { spec?: Record<string, unknown>; metadata?: Record<string, unknown> };
  const shown = Object.fromEntries(DECIDED.map((field) => [field, spec[field]]));
  const containers = [spec['initContainers'], spec['containers']].flatMap(
    (list) => (list ?? []) as { volumeMounts?: unknown; resources?: unknown }[],
  );
  const mounts = containers.map(({ volumeMounts = [], resources }) => [volumeMounts, resources]);
  const text = JSON.stringify(
    {
      ...shown,
      mounts,
      finalizers: metadata['finalizers'],
      labels: spec['containers'] && metadata['labels'],
      annotations: spec['containers'] && metadata['annotations'],
    },
    (_key, part) => (isEmpty(part) ? undefined : part),
  );
  return JSON.parse(text.replace(/kube-api-access-[a-z0-9]{5}/g, '<token-volume>'));
}

/** Empty texts, lists and objects are dropped by the codec, which is not part of this. */
function isEmpty(part: unknown): boolean {
  return part === '' || part === null || (typeof part === 'object' && Object.keys(part).length === 0);
}

/** `schema`: the patch is a strategic one. */
function patched(old: unknown, body: unknown, schema: StructSchema | undefined): unknown {
  if (schema) return applyStrategicMergePatch(old, body, schema);
  return Array.isArray(body) ? applyJsonPatch(old, body) : applyMergePatch(old, body);
}

function object(apiVersion: string, kind: string, metadata: KubeObject['metadata'], more: object = {}): KubeObject {
  return { apiVersion, kind, metadata, ...more };
}

/** These are about what other parts do: quota, and the authorizers. */
const ELSEWHERE = ['overhead is charged to quota', 'impersonated node identity'];

for (const file of [
  'admission/namespace-lifecycle.json',
  'admission/serviceaccount.json',
  'admission/limitrange-containers.json',
  'admission/limitrange-claims.json',
  'admission/podsecurity-baseline.json',
  'admission/podsecurity-modes.json',
  'admission/podsecurity-restricted.json',
  'admission/priority.json',
  'admission/tolerations-runtimeclass.json',
  'admission/default-classes.json',
  'admission/nodes-and-owners.json',
  'admission/certificates.json',
  'pods/pod-admission.json',
]) {
  for (const scenario of scenarios(file)) {
    if (ELSEWHERE.some((part) => scenario.name.includes(part))) continue;
    test(`recorded admission: ${scenario.name}`, () => new Replay().run(scenario));
  }
}
