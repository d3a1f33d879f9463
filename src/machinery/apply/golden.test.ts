import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deepFreeze, type KubeObject } from '../object.ts';
import { findKindSchema, kindSchema } from '../schema/facts.ts';
import type { ManagedFieldsEntry } from '../types/meta-v1.ts';
import {
  applyConflictError,
  applyPatch,
  fieldManagerName,
  type FieldManagerContext,
  updateManagedFields,
} from './field-manager.ts';
import { parentManagedFields, scaleManagedFields } from './scale.ts';
import { resetFilter } from './reset-fields.ts';

type Json = Readonly<Record<string, unknown>>;

interface Step {
  readonly request: Json & {
    readonly query?: string;
    readonly type?: string;
    readonly body?: Json;
    readonly raw?: string;
  };
  readonly response?: { readonly code: number; readonly body: Json };
}

const root = new URL('../../../test/golden/', import.meta.url);
const TIME = '2026-01-01T00:00:00Z';

/** Kinds of which admission and allocation change nothing, so that the answer shows what the client asked for. */
const PLAIN_KINDS = ['ConfigMap', 'Deployment', 'ClusterRole', 'Role', 'HorizontalPodAutoscaler', 'NetworkPolicy'];

/** Kinds whose objects are there before the scenario, or that several versions show differently. */
const SKIPPED = /horizontalpodautoscalers/;

for (const topic of [
  'machinery/apply',
  'machinery/apply-lists',
  'machinery/apply-managed-fields',
  'core-network/apply',
  'workloads/apply',
]) {
  const text = readFileSync(new URL(`${topic}.json`, root), 'utf8').replaceAll(/<time>|2020-01-01T00:00:00Z/g, TIME);
  for (const scenario of JSON.parse(text) as readonly { name: string; managed?: boolean; steps: readonly Step[] }[]) {
    if (!scenario.managed) continue;
    test(`${scenario.name}, as the real server does it`, async () => {
      const objects = new Map<string, Json>();
      for (const step of scenario.steps) {
        const { request, response } = step;
        if (!response || request.query?.includes('dryRun')) continue;
        const verb = ['get', 'post', 'put', 'patch', 'delete'].find((name) => request[name]) ?? 'get';
        const metadata = (response.body['metadata'] ?? {}) as Json;
        const path = String(request[verb]) + (verb === 'post' ? `/${String(metadata['name'])}` : '');
        if (SKIPPED.test(path) || response.body['kind'] === 'Namespace') continue;
        const [, object = path, subresource = ''] =
          /^(.*?)(?:\/(status|scale|ephemeralcontainers|resize))?$/.exec(path) ?? [];
        const live = objects.get(object);
        if (subresource === 'scale' && live && verb !== 'get' && response.code < 300) {
          objects.set(object, await scaled(step, live, response.body));
          continue;
        }
        await checkStep(step, verb, subresource, live);
        if ((verb === 'delete' && response.body['kind'] === 'Status') || response.code === 404) objects.delete(object);
        else if (response.code < 300 && subresource !== 'scale') objects.set(object, response.body);
      }
    });
  }
}

/** The object after a write to its scale, of which the server shows only the scale. */
async function scaled(step: Step, live: Json, answer: Json): Promise<Json> {
  const metadata = live['metadata'] as Json & { managedFields?: ManagedFieldsEntry[] };
  const paths = { 'apps/v1': ['spec', 'replicas'] };
  const scale = {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { ...metadata, managedFields: scaleManagedFields(metadata.managedFields, paths) },
    spec: { replicas: (live['spec'] as Json)['replicas'] },
  };
  const { request } = step;
  const context = { ...contextOf(step, scale, 'scale'), live: deepFreeze(scale) };
  const next = { ...scale, spec: answer['spec'] };
  const entries =
    request.type === 'apply'
      ? (
          (await applyPatch({ ...context, applied: request.body, force: /force/.test(request.query ?? '') }))
            .object as unknown as KubeObject
        ).metadata.managedFields
      : await updateManagedFields({ ...context, next });
  const managedFields = parentManagedFields(metadata.managedFields, entries, paths, 'apps/v1');
  return {
    ...live,
    metadata: { ...metadata, managedFields },
    spec: { ...(live['spec'] as Json), ...(answer['spec'] as Json) },
  };
}

async function checkStep(step: Step, verb: string, subresource: string, live: Json | undefined): Promise<void> {
  const { request, response } = step;
  if (!response || subresource === 'scale' || request['managed'] === false) return;
  if (request.type === 'apply') return checkApply(step, subresource, live);
  if (verb === 'delete' || response.code >= 300) return;
  if (verb === 'get') {
    if (live) assertEntries(entriesOf(live), response.body, `get ${String(request['get'])}`);
    return;
  }
  if (/managedFields/.test(JSON.stringify(request)) && request.type === 'jsonpatch') return;
  if (!PLAIN_KINDS.includes(String(response.body['kind']))) return;
  const sent = ((request.body as Json | undefined)?.['metadata'] as Json | undefined)?.['managedFields'];
  const { managedFields: _, ...metadata } = response.body['metadata'] as Json;
  const next = { ...response.body, metadata: { ...metadata, ...(sent ? { managedFields: sent } : {}) } };
  const entries = await updateManagedFields({
    ...contextOf(step, response.body, subresource),
    live: live as unknown as KubeObject,
    next: next as unknown as KubeObject,
  });
  assertEntries(entries, response.body, JSON.stringify(request).slice(0, 400));
}

async function checkApply(step: Step, subresource: string, live: Json | undefined): Promise<void> {
  const { request, response } = step;
  if (!response || !request.body || request.raw) return;
  const details = response.body['details'] as
    | { causes?: { field: string; reason: string }[]; kind?: string }
    | undefined;
  const shown = JSON.stringify(request).slice(0, 500);
  const conflict = response.code === 409 && details?.causes?.[0]?.reason === 'FieldManagerConflict';
  if (response.code >= 300 && !conflict) return;
  const kind = (live ?? response.body) as Json;
  const result = await applyPatch({
    ...contextOf(step, request.body['apiVersion'] ? request.body : kind, subresource),
    live: live && (deepFreeze(live) as unknown as KubeObject),
    applied: request.body,
    force: /force=true/.test(request.query ?? ''),
  });
  if (conflict) {
    const causes = applyConflictError(result.conflicts).status.details?.causes ?? [];
    const fields = (list: readonly { readonly field?: string }[] = []) =>
      list.map(({ field = '' }) => field).toSorted();
    assert.deepEqual(fields(causes), fields(details?.causes), shown);
    return;
  }
  assert.deepEqual(result.conflicts, [], shown);
  assertEntries((result.object as unknown as KubeObject).metadata.managedFields ?? [], response.body, shown);
  if (!subresource && request['managed'] !== false && !request.body['stringData'])
    assertCovers(response.body, result.object, shown);
}

function contextOf(step: Step, { apiVersion, kind }: Json, subresource: string): FieldManagerContext {
  const [group = '', version = ''] = String(apiVersion).includes('/')
    ? String(apiVersion).split('/')
    : ['', String(apiVersion)];
  const plural = `${String(kind).toLowerCase()}s`;
  const query = new URLSearchParams(step.request.query ?? '');
  return {
    schema: kindSchema(group, version, String(kind)),
    apiVersion: String(apiVersion),
    kind: String(kind),
    subresource,
    manager: fieldManagerName(
      query.get('fieldManager') ?? undefined,
      (step.request['headers'] as Json)?.['User-Agent'] as string,
    ),
    time: TIME,
    filter: resetFilter({ group, plural, subresource, hasStatus: true }),
    convert: (object, to) => {
      const [toGroup = '', toVersion = ''] = to.includes('/') ? to.split('/') : ['', to];
      const schema = findKindSchema(toGroup, toVersion, String(kind));
      return schema && { object, schema };
    },
  };
}

function entriesOf(body: Json): readonly ManagedFieldsEntry[] {
  return ((body['metadata'] as Json)['managedFields'] ?? []) as ManagedFieldsEntry[];
}

function assertEntries(actual: readonly ManagedFieldsEntry[], body: Json, message: string): void {
  const expected = entriesOf(body);
  const sorted = (entries: readonly ManagedFieldsEntry[]) =>
    Object.fromEntries(
      entries.map((entry) => [`${entry.manager} ${entry.operation} ${entry.subresource} ${entry.apiVersion}`, entry]),
    );
  assert.deepEqual(sorted(actual), sorted(expected), message);
}

const CHANGED_BY_SERVER = [
  ...['managedFields', 'namespace', 'creationTimestamp', 'generation', 'selfLink', 'status', 'stringData'],
  ...['tolerations', 'taints', 'nodePort', 'lastTransitionTime'],
];

/** What the server fills in later (defaults, allocations) may be added; nothing else may differ. */
function assertCovers(actual: unknown, expected: unknown, path: string): void {
  if (expected === null || expected === undefined) return;
  if (Array.isArray(expected)) {
    if (expected.length === 0 && actual === undefined) return;
    assert.ok(Array.isArray(actual), path);
    assert.equal(actual.length, expected.length, `${path}: ${JSON.stringify(actual)}`);
    for (const [index, item] of expected.entries()) assertCovers(actual[index], item, `${path}[${index}]`);
  } else if (typeof expected === 'object') {
    if (Object.keys(expected).length === 0 && actual === undefined) return;
    for (const [key, part] of Object.entries(expected)) {
      if (!CHANGED_BY_SERVER.includes(key)) {
        assertCovers((actual as Json | undefined)?.[key], part, `${path}.${key}`);
      }
    }
  } else assert.deepEqual(actual, expected, path);
}
