import type { ResourceRef } from '#machinery/resource/definition.ts';
import { badRequestError, failure, internalError, notFoundError, type StatusReason } from '#machinery/status.ts';
import type { Node, Pod } from '#machinery/types/core-v1.ts';
import type { Answer, ApiRequest } from '../http/exchange.ts';
import type { Listers } from '../listers.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { readText, streamedAnswer, tunnelled, upgradeHeaders } from './answers.ts';
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

function locate({ listers }: PodConnectionOptions, name: string, namespace: string): Place {
  const pod = listers(pods).get(name, namespace);
  if (!pod) throw notFoundError({ group: '', resource: 'pods' }, name);
  const { nodeName } = pod.spec;
  if (!nodeName) throw badRequestError(`pod ${name} does not have a host assigned`);
  const node = listers(nodes).get(nodeName);
  if (!node) throw notFoundError({ group: '', resource: 'nodes' }, nodeName);
  return { pod, node };
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
const LOG_FIELDS = [
  'follow',
  'previous',
  'timestamps',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'limitBytes',
  'stream',
];

function logHandler(options: PodConnectionOptions): ConnectHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'log',
    methods: ['GET'],
    kind: { group: '', version: 'v1', kind: 'Pod' },
    read: true,
    async connect(request, { name, namespace, query, signal }) {
      checkLogOptions(query);
      const { pod, node } = locate(options, name, namespace);
      const container = chooseContainer(pod, query.get('container') ?? '');
      const wanted = new URLSearchParams();
      for (const field of LOG_FIELDS) {
        const value = query.get(field);
        if (value !== null) wanted.set(field, isTrue(value) && BOOLEAN_LOG_FIELDS.has(field) ? 'true' : value);
      }
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

const BOOLEAN_LOG_FIELDS = new Set(['follow', 'previous', 'timestamps']);

/** Source: core/v1 PodLogOptions. */
function checkLogOptions(query: URLSearchParams): void {
  const problems: string[] = [];
  const check = (field: string, least: number) => {
    const value = query.get(field);
    if (value === null) return;
    const number = Number(value);
    if (!Number.isInteger(number) || number < least)
      problems.push(
        `${field}: Invalid value: ${JSON.stringify(value)}: must be greater than ${least === 0 ? 'or equal to 0' : '0'}`,
      );
  };
  check('tailLines', 0);
  check('limitBytes', 1);
  check('sinceSeconds', 1);
  if (query.has('sinceSeconds') && query.has('sinceTime'))
    problems.push('sinceSeconds: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified');
  if (problems.length > 0)
    throw failure(422, 'Invalid', `PodLogOptions.v1 "" is invalid: ${problems.join(', ')}`, { kind: 'PodLogOptions' });
}
