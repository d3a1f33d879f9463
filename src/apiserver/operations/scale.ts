import { applyConflictError, applyPatch, updateManagedFields } from '#machinery/apply/field-manager.ts';
import { parentManagedFields, type ReplicasPaths, scaleManagedFields } from '#machinery/apply/scale.ts';
import { decodeObject } from '#machinery/codec/decode.ts';
import { FieldPath, invalid } from '#machinery/field-error.ts';
import { define, type Draft, draftOf, type KubeObject } from '#machinery/object.ts';
import { type Column, column } from '#machinery/resource/columns.ts';
import type { ScalePaths } from '#machinery/resource/definition.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { compileLabelSelector, selectionOfMap, showLabelSelector } from '#machinery/selectors/labels.ts';
import { badRequestError, invalidError, notFoundError } from '#machinery/status.ts';
import { formatTime } from '#machinery/time.ts';
import { type Form, metadataForm, plainForm } from '../answers/form.ts';
import { tableForm } from '../answers/table-form.ts';
import { answerOf } from '../answers/respond.ts';
import { readOne } from '../cache/list.ts';
import type { Answer } from '../http/exchange.ts';
import type { Rendering } from '../negotiation/accept.ts';
import { decodeBody, readBody, readObject } from '../registry/body.ts';
import type { ServedResource } from '../registry/registry.ts';
import { updateObject } from '../registry/update.ts';
import { apiVersionOf, oneToServed } from '../registry/versions.ts';
import type { Exchange } from '../request/exchange.ts';
import { APPLY_PATCH, decodePatched, parseApplied, type Patch, patchOf, patchType } from './patch.ts';
import { type WriteParameters, writeParameters } from './write-request.ts';

const KIND = 'Scale';
const API_VERSION = 'autoscaling/v1';

/** autoscaling/v1 Scale, as far as it is read here. */
interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas: number; readonly selector?: string };
}

/** Makes the new scale of the current one. */
type ScaleChange = (current: Scale) => Promise<Draft<Scale>> | Draft<Scale>;

/** GET of `scale`. */
export async function getScale(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const { namespace, name } = exchange.info;
  const found = await readOne(served.storage.cache, namespace, name, '');
  if (!found) throw notFoundError(served.groupResource, name);
  return answerScale(served, exchange, scaleOf(served, await oneToServed(served, found.object())));
}

/** PUT of `scale`: sets the replicas of its parent. */
export async function putScale(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const parameters = writeParameters(exchange, served, 'UpdateOptions');
  const body = await readObject(exchange.request);
  if (!body) throw badRequestError(`the body of the request was empty: it must be an object of kind ${KIND}`);
  const expected = { kind: KIND, apiVersion: API_VERSION, schema: scaleSchema() };
  const { object, warnings } = decodeBody(body, expected, parameters.fieldValidation);
  for (const text of warnings) parameters.request.warn(text);
  return writeScale(served, exchange, parameters, async (current) => {
    const next = draftOf(object) as Draft<Scale>;
    await ownReplicas(served, parameters, next, current);
    return next;
  });
}

/** PATCH of `scale`. */
export async function patchScale(served: ServedResource, exchange: Exchange): Promise<Answer> {
  const type = patchType(served, exchange);
  const apply = type === APPLY_PATCH;
  const parameters = writeParameters(exchange, served, 'PatchOptions', { apply });
  const bytes = await readBody(exchange.request);
  if (apply) return writeScale(served, exchange, parameters, applying(served, parameters, bytes));
  let patch: Patch | undefined;
  return writeScale(served, exchange, parameters, async (current) => {
    patch ??= patchOf(scaleSchema(), type, bytes); // a missing object is told of before a bad patch
    const { fieldValidation, request } = parameters;
    const options = { fieldValidation, kind: KIND, apiVersion: API_VERSION, warn: request.warn };
    const next = decodePatched(patch, current, scaleSchema(), options) as Draft<Scale>; // decoded by the schema of Scale
    await ownReplicas(served, parameters, next, current);
    return next;
  });
}

function applying(served: ServedResource, parameters: WriteParameters, bytes: Buffer): ScaleChange {
  const applied = parseApplied(bytes, parameters.fieldValidation);
  if (parameters.fieldValidation === 'Warn') for (const text of applied.repeated) parameters.request.warn(text);
  return async (live) => {
    const context = contextOf(served, parameters);
    const { object, conflicts } = await applyPatch({
      ...context,
      live,
      applied: applied.value,
      force: parameters.force,
    });
    if (conflicts.length > 0) throw applyConflictError(conflicts);
    const options = { fieldValidation: 'Ignore', kind: KIND, apiVersion: API_VERSION } as const;
    return decodeObject(object, scaleSchema(), options).object as Draft<Scale>; // decoded by the schema of Scale
  };
}

async function writeScale(
  served: ServedResource,
  exchange: Exchange,
  parameters: WriteParameters,
  change: ScaleChange,
): Promise<Answer> {
  const { request } = parameters;
  const written = await updateObject(served, request, {
    mayCreate: false,
    unconditional: true,
    uidIsPrecondition: true,
    async change(current) {
      if (!current) throw notFoundError(served.groupResource, request.name);
      return withScale(served, current, await change(scaleOf(served, current)));
    },
  });
  return answerScale(served, exchange, scaleOf(served, await oneToServed(served, written.object)));
}

/** The parent with the replicas of a scale. Throws StatusError where the scale is not valid or not of this parent. */
function withScale(served: ServedResource, current: KubeObject, scale: Draft<Scale>): Draft<KubeObject> {
  const { definition, apiVersion } = served;
  const { name, namespace, uid, resourceVersion, managedFields } = scale.metadata;
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas < 0) {
    const error = invalid(FieldPath.of('spec', 'replicas'), replicas, 'must be greater than or equal to 0');
    throw invalidError('autoscaling', KIND, current.metadata.name ?? '', [error]);
  }
  const draft = draftOf(current) as Draft<KubeObject>;
  const paths = pathsOf(definition.subresources.scale);
  setAt(draft, paths.specReplicas, replicas);
  const replicasPaths = pathsByVersion(served, paths);
  const owners = parentManagedFields(current.metadata.managedFields, managedFields, replicasPaths, apiVersion);
  if (owners.length > 0) draft.metadata.managedFields = draftOf(owners) as Draft<typeof owners>;
  else delete draft.metadata.managedFields;
  draft.metadata.name = name ?? '';
  if (namespace) draft.metadata.namespace = namespace;
  if (uid) draft.metadata.uid = uid;
  draft.metadata.resourceVersion = resourceVersion ?? '';
  return draft;
}

/** What `scale` shows of its parent (in the served version). */
function scaleOf(served: ServedResource, parent: KubeObject): Scale {
  const paths = pathsOf(served.definition.subresources.scale);
  const { name = '', namespace, uid, resourceVersion, creationTimestamp, managedFields } = parent.metadata;
  const owners = scaleManagedFields(managedFields, pathsByVersion(served, paths));
  const replicas = Number(at(parent, paths.specReplicas) ?? 0);
  const selector = paths.selector ? selectorText(at(parent, paths.selector)) : '';
  return {
    kind: KIND,
    apiVersion: API_VERSION,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(owners.length > 0 ? { managedFields: owners } : {}),
    },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: Number(at(parent, paths.statusReplicas) ?? 0), ...(selector ? { selector } : {}) },
  };
}

/** A LabelSelector, a map of labels or text, as text. */
function selectorText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  if ('matchLabels' in value || 'matchExpressions' in value) {
    return showLabelSelector(compileLabelSelector(value as Parameters<typeof compileLabelSelector>[0])); // validated with its parent
  }
  return showLabelSelector(selectionOfMap(value as Readonly<Record<string, string>>)); // likewise
}

async function ownReplicas(
  served: ServedResource,
  parameters: WriteParameters,
  next: Draft<Scale>,
  live: Scale,
): Promise<void> {
  const entries = await updateManagedFields({ ...contextOf(served, parameters), live, next: next as Scale });
  next.metadata.managedFields = draftOf(entries) as Draft<typeof entries>;
}

function contextOf({ registry }: ServedResource, { request }: WriteParameters) {
  return {
    schema: scaleSchema(),
    apiVersion: API_VERSION,
    kind: KIND,
    subresource: 'scale',
    manager: request.fieldManager ?? '',
    time: formatTime(registry.clock.now()),
  };
}

function answerScale({ registry }: ServedResource, exchange: Exchange, scale: Scale): Promise<Answer> {
  const { managedFields: _, ...metadata } = scale.metadata; // who owns replicas is for the server to know
  const form = formOfScale(exchange.rendering, () => registry.clock.now());
  return answerOf(exchange, form.contentType, form.whole(form.part({ ...scale, metadata }).value));
}

function formOfScale(rendering: Rendering, now: () => number): Form {
  if (rendering.as === 'PartialObjectMetadata') return metadataForm(rendering);
  if (rendering.as === 'object') return plainForm(KIND, API_VERSION, scaleSchema(), rendering);
  const columns = COLUMNS as readonly Column[]; // a Scale is what this form is given
  return tableForm({ apiVersion: API_VERSION, kind: KIND, columns }, rendering, now) as Form;
}

const COLUMNS: readonly Column<Scale>[] = [
  column('Name', ({ metadata }) => metadata.name ?? ''),
  column('Desired', ({ spec }) => spec?.replicas ?? 0, { type: 'integer' }),
  column('Available', ({ status }) => status?.replicas ?? 0, { type: 'integer' }),
  column('Age', ({ metadata }) => ({ since: metadata.creationTimestamp })),
];

function scaleSchema() {
  return kindSchema('autoscaling', 'v1', KIND);
}

function pathsOf(paths: ScalePaths | undefined): ScalePaths {
  if (!paths) throw new Error('a route to scale needs a scale subresource');
  return paths;
}

function pathsByVersion({ definition }: ServedResource, { specReplicas }: ScalePaths): ReplicasPaths {
  return Object.fromEntries(
    definition.versions.map(({ version }) => [apiVersionOf(definition.group, version), specReplicas]),
  );
}

type Members = Record<string, unknown>;

function at(object: unknown, path: readonly string[]): unknown {
  let value = object;
  for (const name of path) value = typeof value === 'object' && value !== null ? (value as Members)[name] : undefined;
  return value;
}

function setAt(object: unknown, path: readonly string[], value: unknown): void {
  let target = object as Members; // a draft is an object
  for (const name of path.slice(0, -1)) {
    const member = target[name];
    if (typeof member !== 'object' || member === null) define(target, name, {});
    target = target[name] as Members;
  }
  define(target, path.at(-1) ?? '', value);
}
