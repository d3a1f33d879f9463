import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import type { ResourceRef } from '#machinery/resource/definition.ts';
import { badRequestError, notFoundError, serviceUnavailableError } from '#machinery/status.ts';
import type { Node, Pod, Service } from '#machinery/types/core-v1.ts';
import type { EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { requestUpgrade } from '#streams/upgrade.ts';
import type { Answer, ApiRequest } from '../http/exchange.ts';
import type { Listers } from '../listers.ts';
import type { ConnectHandler } from '../registry/handlers.ts';
import { forwardedHeaders, streamedAnswer, tunnelled, upgradeHeaders } from './answers.ts';
import { forward, type KubeletClient, kubeletAddress } from './kubelet-client.ts';

const pods: ResourceRef<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const nodes: ResourceRef<Node> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
const services: ResourceRef<Service> = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  namespaced: true,
};
const endpointSlices: ResourceRef<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

export interface HttpProxyOptions {
  readonly listers: Listers;
  readonly kubelets: KubeletClient;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const UPGRADE_TIMEOUT_MS = 30_000;

/** proxy of pods, services and nodes: any HTTP request, passed on to what the object stands for. */
export function httpProxies(options: HttpProxyOptions): readonly ConnectHandler[] {
  return [
    proxyHandler('pods', 'PodProxyOptions', (request, { name, namespace, rest }) => {
      const target = podTarget(options, name, namespace);
      return proxy(request, withPath(target, rest, request), prefix(`namespaces/${namespace}/pods/${name}`));
    }),
    proxyHandler('services', 'ServiceProxyOptions', (request, { name, namespace, rest }) => {
      const target = serviceTarget(options, name, namespace);
      return proxy(request, withPath(target, rest, request), prefix(`namespaces/${namespace}/services/${name}`));
    }),
    proxyHandler('nodes', 'NodeProxyOptions', (request, { name, rest }) => nodeProxy(options, request, name, rest)),
  ];
}

type Connect = (
  request: ApiRequest,
  place: { readonly name: string; readonly namespace: string; readonly rest: string },
) => Promise<Answer>;

function proxyHandler(resource: string, kind: string, connect: Connect): ConnectHandler {
  return {
    group: '',
    resource,
    subresource: 'proxy',
    methods: METHODS,
    kind: { group: '', version: 'v1', kind },
    options: (query) => ({ apiVersion: 'v1', kind, ...(query.get('path') ? { path: query.get('path') } : {}) }),
    connect,
  };
}

function prefix(path: string): string {
  return `/api/v1/${path}/proxy`;
}

/** `[scheme:]name[:port]`, the port a number or a name. */
function splitName(text: string): { readonly scheme: string; readonly name: string; readonly port: string } {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: 'http', name: text, port: '' };
  if (parts.length === 2) return { scheme: 'http', name: parts[0] ?? '', port: parts[1] ?? '' };
  const [scheme = '', name = '', port = ''] = parts;
  if (parts.length > 3 || !['', 'http', 'https'].includes(scheme))
    throw badRequestError(`invalid proxy request ${JSON.stringify(text)}`);
  return { scheme: scheme || 'http', name, port };
}

function podTarget({ listers }: HttpProxyOptions, text: string, namespace: string): URL {
  const { scheme, name, port } = splitName(text);
  const pod = listers(pods).get(name, namespace);
  if (!pod) throw notFoundError({ group: '', resource: 'pods' }, name);
  const ports = (pod.spec.containers ?? []).flatMap((container) => container.ports ?? []);
  const number = port ? Number(port) || ports.find((one) => one.name === port)?.containerPort : ports[0]?.containerPort;
  const ip = pod.status.podIP;
  if (!ip) throw badRequestError('address not allowed');
  return originOf(scheme, ip, number ?? 0);
}

/** One of the endpoints that serve: the first, in the order of their slices, of those that are ready. */
function serviceTarget({ listers }: HttpProxyOptions, text: string, namespace: string): URL {
  const { scheme, name, port } = splitName(text);
  const service = listers(services).get(name, namespace);
  if (!service) throw notFoundError({ group: '', resource: 'services' }, name);
  const ports = service.spec.ports ?? [];
  const wanted = port
    ? ports.find((one) => one.name === port || String(one.port) === port)
    : ports.length === 1 || ports.some((one) => !one.name)
      ? (ports.find((one) => !one.name) ?? ports[0])
      : undefined;
  const none = () => serviceUnavailableError(`no endpoints available for service ${JSON.stringify(text)}`);
  if (!wanted)
    throw serviceUnavailableError(`no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`);
  for (const slice of listers(endpointSlices).list(namespace)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    const found = (slice.ports ?? []).find((one) => (one.name ?? '') === (wanted.name ?? ''))?.port;
    const endpoint = (slice.endpoints ?? []).find((one) => one.conditions?.ready !== false);
    const address = endpoint?.addresses?.[0];
    if (found !== undefined && address !== undefined) return originOf(scheme, address, found);
  }
  throw none();
}

/** CVE-2020-8562, CVE-2022-3294: nothing is passed on to ourselves or to what only this machine may reach. */
function originOf(scheme: string, address: string, port: number): URL {
  // a name (of an endpoint slice of type FQDN) could be that of anything
  if (!ipaddr.isValid(address) || !isProxyable(address)) throw badRequestError('address not allowed');
  const host = address.includes(':') ? `[${address}]` : address;
  return new URL(`${scheme}://${host}${port ? `:${port}` : ''}`);
}

function isProxyable(address: string): boolean {
  const range = ipaddr.process(address).range();
  return !['loopback', 'linkLocal', 'unspecified', 'multicast', 'broadcast'].includes(range);
}

/** `target` with a path and the client's query. Whatever the path says (`//host`, `/\\host`), it cannot choose the host. */
function withPath(target: URL, rest: string, request: ApiRequest): URL {
  const url = new URL(target);
  url.pathname = `/${rest.replaceAll('\\', '%5C').replace(/^\/+/, '')}`;
  url.search = request.query.toString();
  return url;
}

async function nodeProxy(options: HttpProxyOptions, request: ApiRequest, text: string, rest: string): Promise<Answer> {
  const { name, port, scheme } = splitName(text);
  const node = options.listers(nodes).get(name);
  if (!node) throw notFoundError({ group: '', resource: 'nodes' }, name);
  const address = kubeletAddress(node);
  const host = new URL(`https://${address}`).hostname.replace(/^\[|\]$/g, '');
  const resolved = ipaddr.isValid(host) ? host : (await lookup(host)).address;
  if (!isProxyable(resolved)) throw badRequestError('address not allowed');
  const isKubelet = !port || Number(port) === node.status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!isKubelet)
    return proxy(request, withPath(originOf(scheme, resolved, Number(port)), rest, request), prefix(`nodes/${text}`));
  const url = withPath(new URL(`https://${address}`), rest, request);
  const path = `${url.pathname}${url.search}`;
  const { method, signal, body } = request;
  if (request.upgrade) {
    const answer = await options.kubelets.upgrade(node, path, { method, headers: upgradeHeaders(request), signal });
    return answer.kind === 'upgraded' ? tunnelled(request, answer) : streamedAnswer(answer.body);
  }
  return streamedAnswer(
    await options.kubelets.request(node, path, { method, headers: forwardedHeaders(request), body, signal }),
  );
}

async function proxy(request: ApiRequest, url: URL, base: string): Promise<Answer> {
  const { method, signal, body } = request;
  try {
    if (request.upgrade) {
      const headers = { ...forwardedHeaders(request), ...upgradeHeaders(request), host: url.host };
      const answer = await requestUpgrade({
        url,
        method,
        headers,
        tls: { rejectUnauthorized: false },
        timeoutMs: UPGRADE_TIMEOUT_MS,
        signal,
      });
      if (answer.kind === 'upgraded') return tunnelled(request, answer);
      return streamedAnswer(answer.body);
    }
    const headers = { ...forwardedHeaders(request), 'x-forwarded-uri': `${base}${url.pathname}`, host: url.host };
    const response = await forward(url, { method, headers, body, signal });
    return streamedAnswer(response, (answer) => rewriteLocation(answer, url, base));
  } catch (error) {
    throw serviceUnavailableError(
      `error trying to reach service: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** A redirect within the target leads through the proxy again; one to elsewhere is left as it is. */
function rewriteLocation(headers: Record<string, string | readonly string[]>, url: URL, base: string): void {
  const { location } = headers;
  if (typeof location !== 'string') return;
  const target = new URL(location, url);
  if (target.host === url.host) headers.location = `${base}${target.pathname}${target.search}`;
}
