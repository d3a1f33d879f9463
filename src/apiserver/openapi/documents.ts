import { definitionName } from '#machinery/schema/facts.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import type { DiscoveredResource, ServedGroup, ServedVersion } from '../discovery/model.ts';
import type { Descriptions } from './descriptions.ts';
import { type Gvk, groupName, type Operation, type PathItem, pathsOf } from './operations.ts';
import { parameterOf } from './parameters.ts';
import { gvkDocument, type SchemaDocument, SchemaWriter } from './schemas.ts';

export interface DocumentOptions {
  /** `v1.36.2`. */
  readonly release: string;
  readonly descriptions: Descriptions;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const READ_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const STREAM_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
/** The custom form of apply and merge that custom resources take: they have no strategic merge. */
const CUSTOM_PATCH_TYPES = PATCH_TYPES.filter((type) => !type.includes('strategic'));

/** The OpenAPI 3.0 document of one version of one group. */
export function openApiV3(group: string, served: ServedVersion, options: DocumentOptions): object {
  const writer = new SchemaWriter(3, options.descriptions);
  const paths = writePaths(3, [[group, served]], writer);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: options.release },
    paths,
    components: {
      schemas: writer.definitions(),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  };
}

/** The Swagger 2.0 document of everything that is served. */
export function openApiV2(groups: readonly ServedGroup[], options: DocumentOptions): object {
  const writer = new SchemaWriter(2, options.descriptions);
  const served = groups.flatMap(({ name, versions }) =>
    versions.map((version): [string, ServedVersion] => [name, version]),
  );
  const paths = writePaths(2, served, writer);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: options.release },
    paths,
    definitions: writer.definitions(),
    securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    security: [{ BearerToken: [] }],
  };
}

type Write = (operation: Operation, item: PathItem, context: WriteContext) => SchemaDocument;

interface WriteContext {
  readonly writer: SchemaWriter;
  readonly tag: string;
  readonly patchTypes: readonly string[];
}

function writePaths(
  version: 2 | 3,
  served: readonly (readonly [string, ServedVersion])[],
  writer: SchemaWriter,
): SchemaDocument {
  const write: Write = version === 2 ? operationV2 : operationV3;
  const paths: [string, SchemaDocument][] = [];
  for (const [group, { version: name, resources }] of served) {
    for (const resource of resources) {
      const isCustom = defineCustom(group, name, resource, writer);
      const tag = `${lowerFirst(groupName(group))}_${name}`;
      const context = { writer, tag, patchTypes: isCustom ? CUSTOM_PATCH_TYPES : PATCH_TYPES };
      for (const item of pathsOf(group, name, resource)) {
        const document: SchemaDocument = {};
        for (const operation of item.operations) document[operation.method] = write(operation, item, context);
        document['parameters'] = item.parameters.map((parameter) => parameterDocument(version, parameter, item.path));
        paths.push([item.path, document]);
      }
    }
  }
  return Object.fromEntries(paths.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Writes the types of a custom resource, which are in no table. False for built-in resources. */
function defineCustom(group: string, version: string, resource: DiscoveredResource, writer: SchemaWriter): boolean {
  const { definition, kind } = resource;
  const schema = definition?.versions.find((other) => other.version === version)?.schema;
  if (!definition || !schema || schema.name !== '') return false;
  const gvk: Gvk = [group, version, kind];
  writer.define(nameOf(gvk), customObject(schema, gvk, writer));
  const list: Gvk = [group, version, definition.listKind];
  writer.define(nameOf(list), {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      items: { type: 'array', items: writer.ref(nameOf(gvk)) },
      kind: { type: 'string' },
      metadata: writer.ref(`${META}ListMeta`),
    },
    'x-kubernetes-group-version-kind': [gvkDocument(list)],
  });
  return true;
}

function customObject(schema: StructSchema, gvk: Gvk, writer: SchemaWriter): SchemaDocument {
  const written = writer.struct(schema);
  const properties = {
    ...(written['properties'] as SchemaDocument | undefined),
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: writer.ref(`${META}ObjectMeta`),
  };
  return { ...written, properties, 'x-kubernetes-group-version-kind': [gvkDocument(gvk)] };
}

/** Definition name of a kind: that of the tables, or the reversed group for a custom resource. */
function nameOf([group, version, kind]: Gvk): string {
  return definitionName(group, version, kind) ?? [...group.split('.').reverse(), version, kind].join('.');
}

function operationV3(
  operation: Operation,
  { path }: PathItem,
  { writer, tag, patchTypes }: WriteContext,
): SchemaDocument {
  const body = bodySchema(operation, writer);
  const bodyTypes = operation.body === 'Patch' ? patchTypes : ['*/*'];
  return {
    tags: [tag],
    operationId: operation.id,
    ...(operation.query.length > 0
      ? { parameters: operation.query.map((name) => parameterDocument(3, name, path)) }
      : {}),
    ...(body
      ? {
          requestBody: {
            ...(operation.body === 'DeleteOptions' ? {} : { required: true }),
            content: contents(bodyTypes, body),
          },
        }
      : {}),
    responses: responses(operation, (description) => {
      const schema = responseSchema(operation, writer);
      return { description, content: contents(responseTypes(operation), schema) };
    }),
    ...extensions(operation),
  };
}

function operationV2(
  operation: Operation,
  { path }: PathItem,
  { writer, tag, patchTypes }: WriteContext,
): SchemaDocument {
  const body = bodySchema(operation, writer);
  const required = operation.body === 'DeleteOptions' ? {} : { required: true };
  return {
    consumes: operation.body === 'Patch' ? patchTypes : ['*/*'],
    produces: responseTypes(operation),
    schemes: ['https'],
    tags: [tag],
    operationId: operation.id,
    parameters: [
      ...(body ? [{ in: 'body', name: 'body', ...required, schema: body }] : []),
      ...operation.query.map((name) => parameterDocument(2, name, path)),
    ],
    responses: responses(operation, (description) => ({ description, schema: responseSchema(operation, writer) })),
    ...extensions(operation),
  };
}

function bodySchema({ body }: Operation, writer: SchemaWriter): SchemaDocument | undefined {
  if (body === undefined) return undefined;
  return writer.ref(typeof body === 'string' ? `${META}${body}` : nameOf(body));
}

function responseSchema({ response }: Operation, writer: SchemaWriter): SchemaDocument {
  if (response === 'text') return { type: 'string' };
  return writer.ref(response === 'Status' ? `${META}Status` : nameOf(response));
}

function responseTypes({ action, response }: Operation): readonly string[] {
  if (response === 'text') return action === 'connect' ? ['*/*'] : ['text/plain', ...READ_TYPES];
  return action === 'list' ? [...READ_TYPES, ...STREAM_TYPES] : READ_TYPES;
}

const CODES: Partial<Readonly<Record<Operation['action'], readonly (readonly [string, string])[]>>> = {
  post: [
    ['200', 'OK'],
    ['201', 'Created'],
    ['202', 'Accepted'],
  ],
  put: [
    ['200', 'OK'],
    ['201', 'Created'],
  ],
  patch: [
    ['200', 'OK'],
    ['201', 'Created'],
  ],
  delete: [
    ['200', 'OK'],
    ['202', 'Accepted'],
  ],
};

function responses({ action }: Operation, answer: (description: string) => SchemaDocument): SchemaDocument {
  const codes = CODES[action] ?? [['200', 'OK']];
  return Object.fromEntries([
    ...codes.map(([code, text]) => [code, answer(text)]),
    ['401', { description: 'Unauthorized' }],
  ]);
}

function contents(types: readonly string[], schema: SchemaDocument): SchemaDocument {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function extensions({ action, gvk }: Operation): SchemaDocument {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvkDocument(gvk) };
}

function parameterDocument(version: 2 | 3, name: string, path: string): SchemaDocument {
  const parameter = parameterOf(name, path);
  const required = parameter.required ? { required: true } : {};
  const type = { type: parameter.type, uniqueItems: true };
  return { name, in: parameter.in, ...required, ...(version === 2 ? type : { schema: type }) };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
