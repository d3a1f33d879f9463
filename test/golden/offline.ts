/**
 * Replays recorded creates, updates, patches and tables against the declarations of kinds alone: no server, no store,
 * no admission but what every pod gets. Seconds instead of minutes, for whoever works on a kind:
 *
 *     node test/golden/offline.ts pods/pod-probes [--only TEXT] [--all]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { decodeObject, normalizeZero } from '#machinery/codec/decode.ts';
import { type FieldError, FieldPath } from '#machinery/field-error.ts';
import { type Draft, draftOf, type KubeObject } from '#machinery/object.ts';
import { applyJsonPatch } from '#machinery/patch/json-patch.ts';
import { applyMergePatch } from '#machinery/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#machinery/patch/strategic-merge.ts';
import type { ResourceDefinition, ResourceVersion, WriteContext } from '#machinery/resource/definition.ts';
import { featureDefault } from '#machinery/schema/facts.ts';
import { isStatus, StatusError } from '#machinery/status.ts';
import { validateObjectMeta } from '#machinery/validation/metadata.ts';
import { manifest } from '#resources/manifest.ts';

type Json = Record<string, any>; // oxlint-disable-line no-explicit-any: recorded JSON of any shape

interface Step {
  readonly request: Json;
  readonly response?: { readonly code: number; readonly warnings?: number; readonly body?: Json };
}

const definitions = manifest as unknown as readonly ResourceDefinition<KubeObject>[];

interface Target {
  readonly definition: ResourceDefinition<KubeObject>;
  readonly version: ResourceVersion<KubeObject>;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

function targetOf(path: string): Target | undefined {
  const match =
    /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    );
  if (!match) return undefined;
  const [, group = '', version, namespace = '', plural, name = '', subresource = ''] = match;
  const definition = definitions.find((each) => each.group === group && each.plural === plural);
  const served = definition?.versions.find((each) => each.version === version);
  return definition && served ? { definition, version: served, namespace, name, subresource } : undefined;
}

function contextOf(subresource: string): WriteContext {
  return {
    now: Date.now(),
    featureOn: (gate) => featureDefault(gate) ?? false,
    subresource,
    dryRun: false,
    user: { name: 'admin', groups: ['system:masters', 'system:authenticated'] },
  };
}

/** What admission gives every pod. */
function admit(kind: string, draft: Json, subresource: string): void {
  if (kind !== 'Pod' || subresource) return;
  const { spec } = draft;
  spec.serviceAccountName ||= 'default';
  spec.serviceAccount = spec.serviceAccountName;
  spec.priority ??=
    spec.priorityClassName === 'system-cluster-critical'
      ? 2000000000
      : spec.priorityClassName === 'system-node-critical'
        ? 2000001000
        : 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  spec.tolerations ??= [];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerated = spec.tolerations.some(
      (each: Json) => (each.key === key || !each.key) && (!each.effect || each.effect === 'NoExecute'),
    );
    if (!tolerated) spec.tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
}

interface Outcome {
  readonly code: number;
  readonly body: unknown;
  readonly warnings: number;
}

async function convert(target: Target, draft: Draft<KubeObject>, version: string): Promise<Draft<KubeObject>> {
  const convertTo = target.definition.convert;
  if (!convertTo) return draft;
  const [converted] = await convertTo([draft], version);
  return draftOf(converted) as Draft<KubeObject>;
}

function invalidOutcome(errors: readonly FieldError[]): Outcome {
  return { code: 422, body: errors.map(({ type, field, message }) => ({ reason: type, field, message })), warnings: 0 };
}

async function write(target: Target, sent: unknown, old: KubeObject | undefined): Promise<Outcome> {
  const { definition, version, subresource } = target;
  const context = contextOf(subresource);
  const apiVersion = definition.group ? `${definition.group}/${version.version}` : version.version;
  let draft = decodeObject(sent, version.schema, {
    fieldValidation: 'Ignore',
    kind: definition.kind,
    apiVersion,
  }).object;
  if (definition.namespaced) draft.metadata.namespace ||= target.namespace || 'ns';
  version.defaults?.(draft);
  const storing = definitions.find((each) => each.group === '' && each.plural === definition.sharesStorageWith);
  draft = await convert(storing ? { ...target, definition: storing } : target, draft, definition.storageVersion);
  const { strategy, subresources } = definition;
  strategy.defaults?.(draft);
  admit(definition.kind, draft as unknown as Json, subresource);
  strategy.defaults?.(draft);
  const path = FieldPath.of('metadata');
  if (!old) {
    draft.metadata.uid = SOME_UID;
    draft.metadata.name ||= draft.metadata.generateName ? `${draft.metadata.generateName}abcde` : '';
    delete draft.metadata.generation;
    if (draft.metadata.name) strategy.prepareForCreate?.(draft, context);
    if (definition.hasGeneration) draft.metadata.generation ??= 1;
    const errors = [
      ...validateObjectMeta(draft.metadata, definition.namespaced, definition.validateName, path),
      ...(strategy.validate?.(draft, context) ?? []),
    ];
    if (errors.length > 0) return invalidOutcome(errors);
    const warnings = strategy.warnings?.(draft, undefined, context).length ?? 0;
    return { code: 201, body: await convert(target, draft, version.version), warnings };
  }
  const own = subresource === 'status' ? subresources.status : subresources.others?.[subresource];
  const members = draft as unknown as Json;
  if (subresource === 'status') {
    for (const key of Object.keys(members)) if (key !== 'metadata' && key !== 'status') delete members[key];
    for (const [key, value] of Object.entries(old))
      if (key !== 'metadata' && key !== 'status') members[key] = draftOf(value);
  } else if (!own && subresources.status) {
    if ((old as unknown as Json).status === undefined) delete members.status;
    else members.status = draftOf((old as unknown as Json).status);
  }
  draft.metadata.resourceVersion ||= '1';
  draft.metadata.uid ||= old.metadata.uid ?? SOME_UID;
  draft.metadata.creationTimestamp ||= old.metadata.creationTimestamp ?? SOME_TIME;
  if (own) own.prepareForUpdate?.(draft, old, context);
  else strategy.prepareForUpdate?.(draft, old, context);
  const errors = [
    ...((own
      ? own.validateUpdate?.(draft, old, context)
      : (strategy.validateUpdate?.(draft, old, context) ??
        (strategy.validateUpdate ? [] : strategy.validate?.(draft, context)))) ?? []),
  ];
  if (errors.length > 0) return invalidOutcome(errors);
  const warnings = strategy.warnings?.(draft, old, context).length ?? 0;
  return { code: 200, body: await convert(target, draft, version.version), warnings };
}

function patched(target: Target, old: unknown, request: Json): unknown {
  if (request['type'] === 'merge') return applyMergePatch(draftOf(old), request['body']);
  if (request['type'] === 'strategic')
    return applyStrategicMergePatch(draftOf(old), request['body'], target.version.schema);
  if (request['type'] === 'jsonpatch') return applyJsonPatch(draftOf(old), request['body']);
  return undefined;
}

function* differences(actual: any, expected: any, path: string): Generator<string> {
  // oxlint-disable-line no-explicit-any
  if (isDeepStrictEqual(actual, expected)) return;
  if (Array.isArray(actual) && Array.isArray(expected) && actual.length === expected.length) {
    for (const [index, value] of actual.entries()) yield* differences(value, expected[index], `${path}[${index}]`);
  } else if (
    actual &&
    expected &&
    typeof actual === 'object' &&
    typeof expected === 'object' &&
    !Array.isArray(actual)
  ) {
    for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
      yield* differences(actual[key], expected[key], `${path}.${key}`);
    }
  } else if (
    typeof expected === 'string' &&
    (expected.startsWith('2026-01-01T00:00:00') || expected === SOME_UID || /^<[a-z-]+>$/.test(expected))
  )
    return;
  else yield `${path}: got ${JSON.stringify(actual)}, recorded ${JSON.stringify(expected)}`;
}

function comparable(object: unknown, schema: ResourceVersion['schema']): Json {
  const json = draftOf(object) as unknown as Json;
  for (const port of json['spec']?.ports ?? []) if (typeof port.nodePort === 'string') port.nodePort = SOME_PORT;
  if (typeof json['spec']?.healthCheckNodePort === 'string') json['spec'].healthCheckNodePort = SOME_PORT;
  const copy = normalizeZero(json, schema);
  const { metadata, ...rest } = structuredClone(copy);
  for (const condition of rest['status']?.conditions ?? []) delete condition.message;
  if (rest['kind'] === 'Event') delete rest['message'];
  if (rest['kind'] === 'Service') {
    for (const field of ['clusterIP', 'clusterIPs', 'healthCheckNodePort']) delete rest['spec'][field];
    for (const port of rest['spec'].ports ?? []) delete port.nodePort;
  }
  const volumes = rest['spec']?.volumes?.filter((each: Json) => !/token-volume|kube-api-access/.test(each['name']));
  if (rest['kind'] === 'Pod' && rest['spec'].volumes) {
    if (volumes.length > 0) rest['spec'].volumes = volumes;
    else delete rest['spec'].volumes;
    for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
      for (const container of rest['spec'][list] ?? []) {
        const mounts = container.volumeMounts?.filter(
          (each: Json) => !/secrets\/kubernetes.io\/serviceaccount/.test(each['mountPath']),
        );
        if (mounts?.length === 0) delete container.volumeMounts;
        else if (mounts) container.volumeMounts = mounts;
      }
    }
  }
  void metadata;
  return rest;
}

function describe(outcome: Outcome): string {
  return `${outcome.code} ${outcome.code === 422 || outcome.code >= 400 ? JSON.stringify(outcome.body).slice(0, 300) : ''}`;
}

/** What is wrong with one answer; undefined where it cannot be judged offline. */
function judge(outcome: Outcome, { response }: Step, target: Target): string | undefined {
  if (!response) return undefined;
  const { code, body } = response;
  const ours = (cause: string) =>
    !/ (metadata\.(uid|generation|creationTimestamp|deletion\w+|resourceVersion|name|namespace)|patch)$/.test(cause);
  const all = (body?.['details']?.causes ?? []).map(({ field, reason }: Json) => `${reason} ${field}`);
  const causes = all.filter(ours);
  if (code === 422 && causes.length === 0) return undefined;
  if (code === 422) {
    const got = (Array.isArray(outcome.body) ? outcome.body : [])
      .map(({ field, reason }) => `${reason} ${field}`)
      .filter(ours);
    if (outcome.code !== 422) return `recorded 422 [${causes.join(', ')}], got ${describe(outcome)}`;
    return isDeepStrictEqual(got.sort(), causes.sort())
      ? undefined
      : `recorded 422 [${causes.join(', ')}], got [${got.join(', ')}]`;
  }
  if (code >= 400) return undefined;
  if (outcome.code !== code && outcome.code >= 400) return `recorded ${code}, got ${describe(outcome)}`;
  if (body?.['kind'] !== target.definition.kind) return undefined;
  const found = [
    ...differences(comparable(outcome.body, target.version.schema), comparable(body, target.version.schema), ''),
  ];
  if (outcome.warnings !== (response.warnings ?? 0) && !target.subresource)
    found.push(`warnings: got ${outcome.warnings}, recorded ${response.warnings ?? 0}`);
  return found.length > 0 ? found.join('\n      ') : undefined;
}

function nameOf(object: Json | string | undefined): string | undefined {
  return typeof object === 'string' ? object : (object?.['metadata']?.name ?? object?.['name']);
}

function judgeTable(
  { response }: Step,
  target: Target,
  stored: ReadonlyMap<string, KubeObject>,
  storedKey: string,
): string | undefined {
  const body = response?.body;
  if (body?.['kind'] !== 'Table' || response?.code !== 200) return undefined;
  const columns = target.version.columns;
  const expected = (body['columns'] ?? []).map(({ name, type, format, priority }: Json) => ({
    name,
    type,
    format,
    priority,
  }));
  const actual = columns.map(({ name, type, format, priority }) => ({ name, type, format, priority }));
  const found = expected.length > 0 ? [...differences(actual, expected, 'columns')] : [];
  for (const [at, cells] of (body['rows'] ?? []).entries()) {
    const name = nameOf(body['objects']?.[at]) ?? cells[0];
    const object = stored.get(storedKey.replace(/\/$/, '') + `/${name}`) ?? stored.get(storedKey);
    if (!object) continue;
    for (const [index, column] of columns.entries()) {
      const cell = column.cell(object);
      const value = cell !== null && typeof cell === 'object' ? '<age>' : cell;
      const recorded = cells[index];
      if (!isDeepStrictEqual(value, recorded) && !/<[a-z]+>|ago\)/.test(String(recorded))) {
        found.push(
          `cell ${column.name} of ${name}: got ${JSON.stringify(value)}, recorded ${JSON.stringify(recorded)}`,
        );
      }
    }
  }
  return found.length > 0 ? found.join('\n      ') : undefined;
}

async function inStorage(target: Target, old: KubeObject | undefined): Promise<KubeObject | undefined> {
  const storing = definitions.find((each) => each.group === '' && each.plural === target.definition.sharesStorageWith);
  return (
    old &&
    convert({ ...target, definition: storing ?? target.definition }, draftOf(old), target.definition.storageVersion)
  );
}

async function runStep(step: Step, stored: Map<string, KubeObject>): Promise<string | undefined> {
  const { request, response } = step;
  const verb = ['get', 'post', 'put', 'patch', 'delete'].find((each) => each in request) ?? '';
  const [path = ''] = String(request[verb]).split('?');
  const target = targetOf(path);
  if (!target) return undefined;
  const { definition, namespace, name, subresource } = target;
  const key = `${definition.storagePath}/${namespace}/${name}`;
  if (verb === 'delete') {
    if (name) stored.delete(key);
    else for (const each of stored.keys()) if (each.startsWith(key)) stored.delete(each);
    return undefined;
  }
  if (verb === 'get') {
    if (response?.body?.['kind'] === definition.kind && !subresource)
      stored.set(key, response.body as unknown as KubeObject);
    return judgeTable(step, target, stored, key);
  }
  if ('raw' in request || (verb === 'post' && name) || subresource === 'scale') return undefined;
  const old = stored.get(key);
  if (verb !== 'post' && !old) return undefined;
  let outcome: Outcome;
  try {
    const sent =
      verb === 'patch'
        ? patched(target, old && (await convert(target, draftOf(old), target.version.version)), request)
        : request['body'];
    if (sent === undefined) return undefined;
    outcome = await write(target, sent, verb === 'post' ? undefined : await inStorage(target, old));
  } catch (error) {
    if (!(error instanceof StatusError)) return `threw ${(error as Error).stack?.split('\n').slice(0, 4).join(' ')}`;
    const failed: StatusError = error;
    outcome = {
      code: failed.code,
      body: isStatus(error, 'Invalid') ? (failed.status.details?.causes ?? []) : failed.message,
      warnings: 0,
    };
  }
  const verdict = judge(outcome, step, target);
  const kept =
    response && response.code < 300 && response.body?.['kind'] === definition.kind ? response.body : undefined;
  const object = (kept ?? (!response && outcome.code < 300 ? outcome.body : undefined)) as KubeObject | undefined;
  if (object && !String(request['query'] ?? '').includes('dryRun'))
    stored.set(`${definition.storagePath}/${namespace}/${object.metadata.name}`, object);
  return verdict;
}

/** A placeholder of a time becomes this one, so that it can be decoded; it equals every other. */
const SOME_TIME = '2026-01-01T00:00:00Z';

function recordedIn(file: URL): readonly { readonly name: string; readonly steps: readonly Step[] }[] {
  return JSON.parse(
    readFileSync(file, 'utf8')
      .replaceAll('$ns', 'ns')
      .replace(
        /("(?:acquireTime|renewTime|eventTime|lastObservedTime)": ?)"<time>"/g,
        '$1"2026-01-01T00:00:00.000000Z"',
      )
      .replace(/("(?:nodePort|healthCheckNodePort)": ?)"(?:<port>|\$\w+)"/g, `$1${SOME_PORT}`)
      .replace(/("clusterIP": ?)"(?:<ip>|\$\w+)"/g, '$1"10.43.7.7"')
      .replace(/("clusterIPs": ?\[\s*)"(?:<ip>|\$\w+)"/g, '$1"10.43.7.7"')
      .replaceAll('<uid>', SOME_UID)
      .replaceAll('"$uid"', `"${SOME_UID}"`)
      .replaceAll('<time>', SOME_TIME),
  );
}

const SOME_UID = '00000000-0000-4000-8000-000000000000';
const SOME_PORT = 30_000;

const [pattern = '', ...flags] = process.argv.slice(2);
const only = flags.includes('--only') ? (flags[flags.indexOf('--only') + 1] ?? '') : '';
const root = new URL('./', import.meta.url);
let passed = 0;
let failed = 0;
for (const area of readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  for (const file of readdirSync(new URL(`${area.name}/`, root))) {
    const topic = `${area.name}/${file.replace('.json', '')}`;
    if (!new RegExp(pattern || '^(pods|workloads|core-network|storage-access)/').test(topic)) continue;
    const before = [passed, failed];
    for (const scenario of recordedIn(new URL(`${area.name}/${file}`, root))) {
      if (!scenario.name.includes(only)) continue;
      const stored = new Map<string, KubeObject>();
      for (const [index, step] of scenario.steps.entries()) {
        const verdict = await runStep(step, stored);
        if (verdict === undefined) passed++;
        else {
          failed++;
          if (!flags.includes('--quiet'))
            console.log(
              `${scenario.name} [${index}] ${JSON.stringify(step.request)
                .replace(/"(apiVersion|kind|automountServiceAccountToken)":("[^"]*"|false),?/g, '')
                .slice(0, 330)}\n      ${verdict}`,
            );
        }
      }
    }
    console.log(`${topic}: ${passed - (before[0] ?? 0)} passed, ${failed - (before[1] ?? 0)} failed`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
