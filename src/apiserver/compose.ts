import { X509Certificate } from 'node:crypto';
import type { ResourceDefinition } from '#machinery/resource/definition.ts';
import { featureDefault } from '#machinery/schema/facts.ts';
import { pathNotFoundError } from '#machinery/status.ts';
import type { Store } from '#store/store.ts';
import { defaultAdmission } from './admission/default-admission.ts';
import { createAuthentication } from './authentication/authentication.ts';
import { noteLegacyTokenUse } from './authentication/legacy-token-use.ts';
import { openIdPaths } from './authentication/openid-paths.ts';
import { tokenRequest } from './authentication/token-request.ts';
import { selfSubjectReview, tokenReview } from './authentication/token-review.ts';
import { tokenSigner } from './authentication/token-signer.ts';
import { accessReviews } from './authorization/access-review.ts';
import { createAuthorization } from './authorization/authorization.ts';
import { rulesReview } from './authorization/rules-review.ts';
import { DerivedBytes } from './cache/derived-bytes.ts';
import { startFeed } from './cache/feed.ts';
import { FlowGate, MAX_READS_IN_FLIGHT, MAX_WRITES_IN_FLIGHT } from './layers/flow-control.ts';
import { createMetrics } from './metrics/metrics.ts';
import { type ApiServerOptions, DEFAULT_ISSUER, DEFAULT_SERVICE_CIDRS } from './options.ts';
import type { Listers } from './listers.ts';
import { documentPaths } from './paths/documents.ts';
import { type HealthCheck, healthPaths } from './paths/health.ts';
import { metricsPath } from './paths/metrics.ts';
import { KUBERNETES_VERSION, versionPath } from './paths/version.ts';
import { bindings, podBinding } from './pods/binding.ts';
import { podEviction } from './pods/eviction.ts';
import { componentStatuses } from './registry/component-statuses.ts';
import { Catalog, type CatalogOptions } from './registry/catalog.ts';
import type { Handlers } from './registry/handlers.ts';
import { cacheListers } from './registry/listers.ts';
import type { RegistryParts, ServedResource } from './registry/registry.ts';
import { Routes } from './operations/routes.ts';
import type { ServerParts } from './request/exchange.ts';
import { addRoutes, servedBy, servedVersions } from './serving.ts';
import { serviceAddresses } from './service-addresses/service-addresses.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const HEALTH_PATHS = ['/healthz/', '/livez/', '/readyz/'];

/** The parts of a server, put together, before anything listens. */
export interface ComposedServer extends Disposable {
  readonly parts: ServerParts;
  /** `host:port` that discovery tells clients. */
  setServerAddress(address: string): void;
  setBootstrapped(): void;
  /** The server is not ready any more: whoever asks should go to another. */
  setEnding(): void;
  /** Looks after what the server itself keeps in the store, until the signal ends it. Rejects never. */
  maintain(signal: AbortSignal): Promise<void>;
}

export async function composeServer(
  options: ApiServerOptions,
  definitions: readonly ResourceDefinition[],
): Promise<ComposedServer> {
  const { store, transformer, apiClock, ioClock, random, log } = options;
  const state = { address: '', bootstrapped: false, ending: false };
  const feed = await startFeed({
    store,
    clock: apiClock,
    transformer,
    failed: options.failed,
    unreadable: (key, error) => log.error({ err: error, key }, 'a stored value cannot be read'),
  });
  const isServed = servedBy(options);
  const served = definitions.filter((definition) => servedVersions(definition, isServed).length > 0);
  const catalog = openCatalog({ feed, store, transformer }, served);
  const listers = cacheListers((resource) => catalog.find(resource));
  const find: FindServed = (group, version, plural) => {
    const found = routes.find(group, version, plural)?.served;
    if (!found) throw pathNotFoundError();
    return found;
  };

  const access = composeAccess(options, listers, find);
  const addresses = composeAddresses(options, listers, find);
  const registry: RegistryParts = {
    clock: apiClock,
    random,
    featureOn: (gate) => options.featureGates?.[gate] ?? featureDefault(gate) ?? false,
    admission: access.admission,
    hooks: [addresses.hook],
    derived: new DerivedBytes(),
  };
  const routes = new Routes([
    ...healthPaths(healthChecks(store, state)),
    versionPath(options.version ?? { gitVersion: `${KUBERNETES_VERSION}+dhow`, gitCommit: '', buildDate: '' }),
    metricsPath,
    ...openIdPaths(access.signer, () => state.address),
    ...documentPaths({ definitions: served, isServed, address: () => state.address }),
  ]);
  const pods = podHandlers(find);
  const handlers: Handlers = {
    virtual: [...access.reviews, ...pods.virtual, componentStatuses({ 'etcd-0': () => storeHealth(store) })],
    subresources: [access.tokens, ...pods.subresources],
    connects: options.connects?.(listers) ?? [],
  };
  addRoutes(routes, { definitions: served, isServed, catalog, registry, handlers });
  const metrics = createMetrics({ objects: () => catalog.counts() });
  const { authenticator, authorizer } = access;
  return {
    parts: { apiClock, ioClock, log, authenticator, authorizer, metrics, routes, registry, ...limits() },
    setServerAddress(given) {
      state.address = given;
    },
    setBootstrapped() {
      state.bootstrapped = true;
    },
    setEnding() {
      state.ending = true;
    },
    maintain: (signal) => addresses.maintain(signal),
    [Symbol.dispose]: () => feed[Symbol.dispose](),
  };
}

function composeAddresses(options: ApiServerOptions, listers: Listers, find: FindServed) {
  const { random, apiClock, ioClock, log, serviceCidrs = DEFAULT_SERVICE_CIDRS } = options;
  return serviceAddresses({
    listers,
    random,
    apiClock,
    ioClock,
    log,
    serviceCidrs,
    services: () => find('', 'v1', 'services'),
    addresses: () => find('networking.k8s.io', 'v1', 'ipaddresses'),
  });
}

/** What bounds requests, one set a server. */
function limits(): Pick<ServerParts, 'anonymousPaths' | 'flow' | 'requestTimeoutMs'> {
  return {
    anonymousPaths: HEALTH_PATHS,
    flow: { reads: new FlowGate(MAX_READS_IN_FLIGHT), writes: new FlowGate(MAX_WRITES_IN_FLIGHT) },
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  };
}

/** Storages of all definitions; those that share another's come after it. */
function openCatalog(options: CatalogOptions, definitions: readonly ResourceDefinition[]): Catalog {
  const catalog = new Catalog(options);
  for (const definition of definitions) if (!definition.sharesStorageWith) catalog.open(definition);
  for (const definition of definitions) if (definition.sharesStorageWith) catalog.open(definition);
  return catalog;
}

/** Binding and eviction. */
function podHandlers(find: FindServed): Pick<Handlers, 'virtual' | 'subresources'> {
  const pods = () => find('', 'v1', 'pods');
  const budgets = () => find('policy', 'v1', 'poddisruptionbudgets');
  return {
    virtual: [bindings(pods)],
    subresources: [podBinding(pods), podEviction(() => ({ pods: pods(), budgets: budgets() }))],
  };
}

type FindServed = (group: string, version: string, plural: string) => ServedResource;

/** Who may do what: authentication, authorization, admission, and the reviews that tell of them. */
function composeAccess(options: ApiServerOptions, listers: Listers, find: FindServed) {
  const { apiClock: clock, random, tokenKey, disabledAdmission: disabled = [] } = options;
  const issuer = options.serviceAccountIssuer ?? DEFAULT_ISSUER;
  const audiences = [issuer];
  const { requests, tokens } = createAuthentication({
    clientCa: new X509Certificate(options.clientCa),
    frontProxyCa: new X509Certificate(options.frontProxyCa),
    issuer,
    tokenPublicKey: tokenKey.publicKey,
    audiences,
    listers,
    clock,
    legacyTokenUsed: noteLegacyTokenUse(() => find('', 'v1', 'secrets'), options.log),
  });
  const { authorizer, resolver } = createAuthorization(listers);
  const quotas = () => find('', 'v1', 'resourcequotas');
  const signer = tokenSigner({ issuer, ...tokenKey, random });
  return {
    authenticator: requests,
    authorizer,
    admission: defaultAdmission({ listers, authorizer, resolver, random, clock, quotas, disabled }),
    signer,
    tokens: tokenRequest({ signer, listers, clock, random, audiences }),
    reviews: [
      tokenReview(tokens, audiences),
      selfSubjectReview(),
      ...accessReviews(authorizer),
      rulesReview(authorizer),
    ],
  };
}

/** What has to be there before the server can be used, by the names of upstream's steps that make it. */
const START_STEPS = [
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'kube-apiserver-autoregistration',
];

interface ServerState {
  readonly bootstrapped: boolean;
  readonly ending: boolean;
}

/** The names are upstream's, whatever the store is. */
function healthChecks(store: Store, state: ServerState): readonly HealthCheck[] {
  const good = () => undefined;
  const started = () => (state.bootstrapped ? undefined : 'not finished');
  return [
    { name: 'ping', check: good },
    { name: 'log', check: good },
    { name: 'etcd', in: ['healthz', 'livez'], check: () => storeHealth(store) },
    { name: 'etcd-readiness', in: ['readyz'], check: () => storeHealth(store) },
    { name: 'informer-sync', in: ['readyz'], check: good }, // nothing is served before the caches are full
    ...START_STEPS.map((step) => ({ name: `poststarthook/${step}`, check: started })),
    { name: 'shutdown', in: ['readyz'], check: () => (state.ending ? 'the server is shutting down' : undefined) },
  ];
}

function storeHealth(store: Store): Promise<string | undefined> {
  return store.get('/health').then(
    () => undefined,
    (error: unknown) => String(error),
  );
}
