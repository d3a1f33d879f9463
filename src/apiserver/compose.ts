import { X509Certificate } from 'node:crypto';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { featureDefault } from '#machinery/schema/facts.ts';
import { pathNotFoundError } from '#machinery/status.ts';
import { defaultAdmission } from './admission/default-admission.ts';
import { createAuthentication } from './authentication/authentication.ts';
import { openIdPaths } from './authentication/openid-paths.ts';
import { tokenRequest } from './authentication/token-request.ts';
import { selfSubjectReview, tokenReview } from './authentication/token-review.ts';
import { tokenSigner } from './authentication/token-signer.ts';
import { accessReviews } from './authorization/access-review.ts';
import { createAuthorization } from './authorization/authorization.ts';
import { rulesReview } from './authorization/rules-review.ts';
import { DerivedBytes } from './cache/derived-bytes.ts';
import { startFeed } from './cache/feed.ts';
import { createDiscovery, type Discovery } from './discovery/discovery.ts';
import { servedByDefault } from './discovery/model.ts';
import { FlowGate, MAX_READS_IN_FLIGHT, MAX_WRITES_IN_FLIGHT } from './layers/flow-control.ts';
import { createMetrics } from './metrics/metrics.ts';
import { type ApiServerOptions, DEFAULT_ISSUER, DEFAULT_SERVICE_CIDRS } from './options.ts';
import { healthPaths } from './paths/health.ts';
import { metricsPath } from './paths/metrics.ts';
import { KUBERNETES_VERSION, versionPath } from './paths/version.ts';
import { bindings, podBinding } from './pods/binding.ts';
import { podEviction } from './pods/eviction.ts';
import { componentStatuses } from './registry/component-statuses.ts';
import { createOpenApi } from './openapi/openapi.ts';
import { Catalog } from './registry/catalog.ts';
import type { Handlers } from './registry/handlers.ts';
import { cacheListers } from './registry/listers.ts';
import type { PathHandler } from './registry/paths.ts';
import type { RegistryParts, ServedResource } from './registry/registry.ts';
import { Routes } from './registry/routes.ts';
import { apiVersionOf } from './registry/versions.ts';
import type { ServerParts } from './request/exchange.ts';
import { serviceAddresses } from './service-addresses/service-addresses.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const HEALTH_PATHS = ['/healthz/', '/livez/', '/readyz/'];

/** The parts of a server, put together, before anything listens. */
export interface ComposedServer extends Disposable {
  readonly parts: ServerParts;
  /** `host:port` that discovery tells clients. */
  setServerAddress(address: string): void;
  setBootstrapped(): void;
  /** Looks after what the server itself keeps in the store, until the signal ends it. Rejects never. */
  maintain(signal: AbortSignal): Promise<void>;
}

export async function composeServer(
  options: ApiServerOptions,
  definitions: readonly ResourceDefinition[],
): Promise<ComposedServer> {
  const { store, transformer, apiClock, ioClock, random, log } = options;
  let bootstrapped = false;
  let address = '';
  let discovery: Discovery | undefined;
  const feed = await startFeed({
    store,
    clock: apiClock,
    transformer,
    failed: options.failed,
    unreadable: (key, error) => log.error({ err: error, key }, 'a stored value cannot be read'),
  });
  const isServed = servedBy(options);
  const served = definitions.filter((definition) => servedVersions(definition, isServed).length > 0);
  const catalog = new Catalog({ feed, store, transformer });
  for (const definition of served) if (!definition.sharesStorageWith) catalog.open(definition);
  for (const definition of served) if (definition.sharesStorageWith) catalog.open(definition);

  const listers = cacheListers((resource) => catalog.find(resource));
  const issuer = options.serviceAccountIssuer ?? DEFAULT_ISSUER;
  const audiences = [issuer];
  const { requests, tokens } = createAuthentication({
    clientCa: new X509Certificate(options.clientCa),
    issuer,
    tokenPublicKey: options.tokenKey.publicKey,
    audiences,
    listers,
    clock: apiClock,
  });
  const { authorizer, resolver } = createAuthorization(listers);
  const { disabledAdmission = [] } = options;
  const addresses = serviceAddresses({
    listers,
    random,
    apiClock,
    ioClock,
    log,
    serviceCidrs: options.serviceCidrs ?? DEFAULT_SERVICE_CIDRS,
    services: () => servedResource('', 'v1', 'services'),
    addresses: () => servedResource('networking.k8s.io', 'v1', 'ipaddresses'),
  });
  const registry: RegistryParts = {
    clock: apiClock,
    random,
    featureOn: (gate) => options.featureGates?.[gate] ?? featureDefault(gate) ?? false,
    admission: defaultAdmission({ listers, authorizer, resolver, random, disabled: disabledAdmission }),
    hooks: [addresses.hook],
    derived: new DerivedBytes(),
  };
  const storeHealth = () =>
    store.get('/health').then(
      () => undefined,
      (error: unknown) => String(error),
    );
  const servedResource = (group: string, version: string, plural: string): ServedResource => {
    const found = routes.find(group, version, plural)?.served;
    if (!found) throw pathNotFoundError();
    return found;
  };
  const signer = tokenSigner({ issuer, ...options.tokenKey, random });
  const handlers: Handlers = {
    virtual: [
      tokenReview(tokens, audiences),
      selfSubjectReview(),
      ...accessReviews(authorizer),
      rulesReview(authorizer),
      bindings(() => servedResource('', 'v1', 'pods')),
      componentStatuses({ 'etcd-0': storeHealth }),
    ],
    subresources: [
      tokenRequest({ signer, listers, clock: apiClock, random, audiences }),
      podBinding(() => servedResource('', 'v1', 'pods')),
      podEviction(() => ({
        pods: servedResource('', 'v1', 'pods'),
        budgets: servedResource('policy', 'v1', 'poddisruptionbudgets'),
      })),
    ],
    connects: options.connects?.(listers) ?? [],
  };
  const discover = () => {
    discovery ??= createDiscovery(served, { serverAddress: address, isServed });
    return discovery;
  };
  const openApi = createOpenApi({ release: KUBERNETES_VERSION, groups: () => discover().groups });
  const openApiPath: PathHandler = {
    path: '/openapi',
    below: true,
    async handle({ request: { header, query }, info }) {
      const hash = query.get('hash') ?? undefined;
      const more = { hash, acceptEncoding: header('accept-encoding') };
      const answer = openApi.handle(info.path, header('accept'), header('if-none-match'), more);
      return answer && { ...answer, body: [answer.body] };
    },
  };
  const discoveryPath = (path: string): PathHandler => ({
    path,
    below: true,
    anyMethod: true,
    async handle({ request, info }) {
      const { header, method } = request;
      const answer = discover().handle(info.path, header('accept'), header('if-none-match'), method);
      return answer && { ...answer, body: [answer.body] };
    },
  });
  const routes = new Routes([
    ...healthPaths([
      { name: 'ping', check: () => undefined },
      {
        name: 'etcd', // upstream's name for its store, whatever it is
        check: storeHealth,
      },
      {
        name: 'poststarthook/bootstrap',
        readyOnly: true,
        check: () => (bootstrapped ? undefined : 'not finished'),
      },
    ]),
    versionPath(options.version ?? { gitVersion: `${KUBERNETES_VERSION}+dhow`, gitCommit: '', buildDate: '' }),
    metricsPath,
    ...openIdPaths(signer, () => address),
    discoveryPath('/api'),
    discoveryPath('/apis'),
    openApiPath,
  ]);
  addRoutes(routes, { definitions: served, isServed, catalog, registry, handlers });
  return {
    parts: {
      apiClock,
      ioClock,
      log,
      authenticator: requests,
      authorizer,
      anonymousPaths: HEALTH_PATHS,
      flow: { reads: new FlowGate(MAX_READS_IN_FLIGHT), writes: new FlowGate(MAX_WRITES_IN_FLIGHT) },
      metrics: createMetrics({ objects: () => catalog.counts() }),
      routes,
      registry,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    },
    setServerAddress: (given) => {
      address = given;
    },
    setBootstrapped: () => {
      bootstrapped = true;
    },
    maintain: (signal) => addresses.maintain(signal),
    [Symbol.dispose]: () => feed[Symbol.dispose](),
  };
}

type IsServed = (group: string, version: string, plural: string) => boolean;

function servedBy({ runtimeConfig = {} }: ApiServerOptions): IsServed {
  return (group, version) => runtimeConfig[apiVersionOf(group, version)] ?? servedByDefault(group, version);
}

function servedVersions({ group, plural, versions }: ResourceDefinition, isServed: IsServed) {
  return versions.filter(({ version, served }) => served && isServed(group, version, plural));
}

interface RouteSources {
  readonly definitions: readonly ResourceDefinition[];
  readonly isServed: IsServed;
  readonly catalog: Catalog;
  readonly registry: RegistryParts;
  readonly handlers: Handlers;
}

function addRoutes(routes: Routes, { definitions, isServed, catalog, registry, handlers }: RouteSources): void {
  for (const definition of definitions) {
    const { group, plural } = definition;
    const storage = catalog.find(definition);
    if (!storage) continue;
    const isOwn = (one: { readonly group: string; readonly resource: string }) =>
      one.group === group && one.resource === plural;
    for (const version of servedVersions(definition, isServed)) {
      routes.add({
        group,
        version: version.version,
        plural,
        served: {
          definition,
          version,
          apiVersion: apiVersionOf(group, version.version),
          groupResource: { group, resource: plural },
          storage,
          registry,
        },
        virtual: undefined,
        handlers: handlers.subresources.filter(isOwn),
        connects: handlers.connects.filter(isOwn),
      });
    }
  }
  for (const virtual of handlers.virtual) {
    const { group, version, plural } = virtual;
    routes.add({ group, version, plural, served: undefined, virtual, handlers: [], connects: [] });
  }
}
