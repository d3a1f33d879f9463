import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import {
  badRequestError,
  failure,
  internalError,
  invalidError,
  notFoundError,
  type StatusReason,
} from '#machinery/status.ts';
import { canonicalTime } from '#machinery/time.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import type { Answer, ApiRequest } from '../http/exchange.ts';
import type { Listers } from '../listers.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { readText, streamedAnswer, tunnelled, upgradeHeaders } from './answers.ts';
import { queryFlag } from '../request/info.ts';
import { parseInteger } from '../request/integer.ts';
import type { KubeletClient } from './kubelet-client.ts';

const pods: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const nodes: ResourceRef<Node> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };

export interface PodConnectionOptions {
  readonly listers: Listers;
  readonly kubelets: KubeletClient;
}

/** exec, attach, portforward and log of pods: each is carried out by the agent of the pod's node. */
export function podConnections(options: PodConnectionOptions): readonly ConnectHandler[] {
  return [
    commandHandler(options, 'exec', 'PodExecOptions'),
    commandHandler(options, 'attach', 'PodAttachOptions'),
    portForwardHandler(options),
    logHandler(options),
  ];
}

interface Place {
  readonly pod: Pod;
  readonly node: Node;
}

function locate(options: PodConnectionOptions, name: string, namespace: string): Place {
  const pod = findPod(options, name, namespace);
  const node = nodeOf(options, pod);
  if (!node) throw badRequestError(`pod ${name} does not have a host assigned`);
  return { pod, node };
}

function findPod({ listers }: PodConnectionOptions, name: string, namespace: string): Pod {
  const pod = listers(pods).get(name, namespace);
  if (!pod) throw notFoundError({ group: '', resource: 'pods' }, name);
  return pod;
}

/** The node of a pod; undefined where it has none yet. */
function nodeOf({ listers }: PodConnectionOptions, { spec: { nodeName } }: Pod): Node | undefined {
  if (!nodeName) return undefined;
  const node = listers(nodes).get(nodeName);
  if (!node) throw notFoundError({ group: '', resource: 'nodes' }, nodeName);
  return node;
}

/** Source: the rules of `kubectl logs`: without a name there has to be one container only, or a default one. */
function chooseContainer(pod: Pod, wanted: string): string {
  const names = (list: readonly { readonly name: string }[] | null | undefined) => (list ?? []).map(({ name }) => name);
  const main = names(pod.spec.containers);
  const init = names(pod.spec.initContainers);
  const ephemeral = names(pod.spec.ephemeralContainers);
  if (wanted) {
    if ([...main, ...init, ...ephemeral].includes(wanted)) return wanted;
    throw badRequestError(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const [only] = main;
  if (main.length === 1 && only !== undefined) return only;
  if (main.length === 0) throw badRequestError(`a container name must be specified for pod ${pod.metadata.name}`);
  const inits = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw badRequestError(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${main.join(' ')}]${inits}`,
  );
}

const isTrue = (value: string | null) => value === 'true' || value === '1';

function commandHandler(options: PodConnectionOptions, subresource: 'exec' | 'attach', kind: string): ConnectHandler {
  return {
    group: '',
    resource: 'pods',
    subresource,
    methods: ['GET', 'POST'],
    kind: { group: '', version: 'v1', kind },
    options: (query) => commandOptions(query, kind),
    async connect(request, { name, namespace, query }) {
      const { pod, node } = locate(options, name, namespace);
      const container = chooseContainer(pod, query.get('container') ?? '');
      if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed')
        throw badRequestError(`cannot exec into a container in a completed pod; current phase is ${pod.status.phase}`);
      const wanted = new URLSearchParams();
      for (const [from, to] of STREAM_FLAGS) if (isTrue(query.get(from))) wanted.set(to, '1');
      if (subresource === 'exec') {
        if (query.getAll('command').length === 0)
          throw badRequestError('you must specify at least 1 command for the container');
        for (const word of query.getAll('command')) wanted.append('command', word);
      }
      if (!['input', 'output', 'error'].some((flag) => wanted.has(flag)))
        throw badRequestError('you must specify at least 1 of stdin, stdout, stderr');
      const path = `/${subresource}/${[namespace, name, container].map(encodeURIComponent).join('/')}?${wanted.toString()}`;
      return upgraded(options, request, node, path);
    },
  };
}

/** Names of the streams in the API and, for historical reasons, at the node. */
const STREAM_FLAGS = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const;

function commandOptions(query: URLSearchParams, kind: string) {
  const command = query.getAll('command');
  return {
    apiVersion: 'v1',
    kind,
    ...Object.fromEntries(STREAM_FLAGS.filter(([flag]) => isTrue(query.get(flag))).map(([flag]) => [flag, true])),
    ...(query.get('container') ? { container: query.get('container') } : {}),
    ...(command.length > 0 ? { command } : {}),
  };
}

function portForwardHandler(options: PodConnectionOptions): ConnectHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'portforward',
    methods: ['GET', 'POST'],
    kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
    options: (query) => ({
      apiVersion: 'v1',
      kind: 'PodPortForwardOptions',
      ...(query.has('ports') ? { ports: query.getAll('ports').map(Number) } : {}),
    }),
    async connect(request, { name, namespace, query }) {
      const { pod, node } = locate(options, name, namespace);
      if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed')
        throw badRequestError(`pod ${name} is not running; current phase is ${pod.status.phase}`);
      const ports = new URLSearchParams(query.getAll('ports').map((port) => ['port', port]));
      const path = `/portForward/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}?${ports.toString()}`;
      return upgraded(options, request, node, path);
    },
  };
}

async function upgraded(
  { kubelets }: PodConnectionOptions,
  request: ApiRequest,
  node: Node,
  path: string,
): Promise<Answer> {
  if (!request.upgrade) throw badRequestError('Upgrade request required');
  const headers = upgradeHeaders(request);
  const answer = await kubelets
    .upgrade(node, path, { method: request.method, headers, signal: request.signal })
    .catch(nodeError);
  if (answer.kind === 'upgraded') return tunnelled(request, answer);
  throw refusal(answer.status, await readText(answer.body));
}

function nodeError(error: unknown): never {
  throw internalError(`error dialing backend: ${error instanceof Error ? error.message : String(error)}`);
}

const REASONS: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
};

/** What a node refuses, as a Status of ours. A redirect is a refusal too: it is never followed. */
function refusal(status: number, text: string) {
  const code = status >= 400 ? status : 500;
  return failure(code, REASONS[code] ?? 'InternalError', text.trim() || `the node answered with status ${status}`);
}

/** Fields of PodLogOptions that the node reads. */
const LOG_FLAGS = ['follow', 'previous', 'timestamps'];
const LOG_VALUES = ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes'];

function logHandler(options: PodConnectionOptions): ConnectHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'log',
    methods: ['GET'],
    kind: { group: '', version: 'v1', kind: 'Pod' },
    read: true,
    async connect(request, { name, namespace, query, signal }) {
      const wanted = wantedOfLog(query, name);
      const pod = findPod(options, name, namespace);
      const container = chooseContainer(pod, query.get('container') ?? '');
      const node = nodeOf(options, pod);
      if (!node) return { status: 204, headers: {}, body: [] }; // nothing runs, so nothing has been said
      const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join('/')}?${wanted.toString()}`;
      const gone = AbortSignal.any([signal, request.signal]);
      const response = await options.kubelets
        .request(node, path, { method: 'GET', headers: {}, signal: gone })
        .catch(nodeError);
      if (response.statusCode !== 200) throw refusal(response.statusCode ?? 500, await readText(response));
      const answer = streamedAnswer(response);
      return { ...answer, headers: { 'content-type': 'text/plain' } };
    },
  };
}

/** The query to the node. Throws StatusError. Source: core/v1 PodLogOptions. */
function wantedOfLog(query: URLSearchParams, name: string): URLSearchParams {
  const wanted = new URLSearchParams();
  for (const field of LOG_FLAGS) if (query.has(field) && queryFlag(query, field)) wanted.set(field, 'true');
  for (const field of LOG_VALUES) {
    const value = query.get(field);
    if (value) wanted.set(field, value);
  }
  const errors = [
    ...atLeast(query, 'tailLines', 0),
    ...atLeast(query, 'limitBytes', 1),
    ...validateSince(query),
    // choosing a stream is an alpha feature that is off
    ...(query.get('stream') ? [forbidden(FieldPath.of('stream'), 'may not be specified')] : []),
  ];
  if (errors.length > 0) throw invalidError('', 'PodLogOptions', name, errors);
  return wanted;
}

function validateSince(query: URLSearchParams): readonly FieldError[] {
  const time = query.get('sinceTime');
  if (time && canonicalTime(time) === undefined) throw badRequestError(`sinceTime: ${JSON.stringify(time)} is no time`);
  if (!time || !query.get('sinceSeconds')) return atLeast(query, 'sinceSeconds', 1);
  const error = forbidden(FieldPath.root, 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  return [{ ...error, field: '[]' }];
}

function atLeast(query: URLSearchParams, field: string, least: 0 | 1): readonly FieldError[] {
  const text = query.get(field);
  if (!text) return [];
  const number = parseInteger(text);
  if (number >= least) return [];
  const message = `must be greater than ${least === 0 ? 'or equal to ' : ''}0`;
  return [invalid(FieldPath.of(field), number, message)];
}
