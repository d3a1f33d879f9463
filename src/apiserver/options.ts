import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Randomness } from '#base/random.ts';
import type { TokenKey } from '#pki/pki.ts';
import type { ValueTransformer } from '#store/encryption.ts';
import type { Store } from '#store/store.ts';
import type { CertificateSource, ListenOn } from './http/listener.ts';
import type { Listers } from './listers.ts';
import type { VersionInfo } from './paths/version.ts';
import type { ConnectHandler } from './registry/handlers.ts';

/** What an API server is made of. */
export interface ApiServerOptions {
  readonly listen: ListenOn;
  readonly certificates: CertificateSource;
  /** PEM of the authority whose client certificates count. */
  readonly clientCa: string;
  /** PEM of the authority of the front proxy, published for extension servers. */
  readonly frontProxyCa: string;
  readonly tokenKey: TokenKey;
  readonly store: Store;
  /** Seals what definitions ask to be encrypted. */
  readonly transformer: ValueTransformer;
  /** What the API sees: timestamps, expiry. */
  readonly apiClock: Clock;
  /** Deadlines and sockets. */
  readonly ioClock: Clock;
  readonly random: Randomness;
  readonly log: Logger;
  /** Called when the server cannot go on (the store failed): the process has to start again. */
  readonly failed: (reason: Error) => void;

  /** Host under which clients reach this server, for discovery and cluster-info; default: the address listened on. */
  readonly externalHost?: string;
  /** Addresses that pods can reach this server at; none: the `kubernetes` Service has no endpoints. */
  readonly advertiseAddresses?: readonly string[];
  /** Ranges of cluster IPs, one of each family at most. Default 10.43.0.0/16. */
  readonly serviceCidrs?: readonly string[];
  readonly serviceAccountIssuer?: string;
  /** `{ "batch/v2alpha1": true }`, as --runtime-config: versions that are off by default, or on. */
  readonly runtimeConfig?: Readonly<Record<string, boolean>>;
  /** As --feature-gates. */
  readonly featureGates?: Readonly<Record<string, boolean>>;
  readonly disabledAdmission?: readonly string[];
  /** exec, attach, log, port-forward, proxy. */
  readonly connects?: (listers: Listers) => readonly ConnectHandler[];
  readonly version?: VersionInfo;
}

export const DEFAULT_SERVICE_CIDRS: readonly string[] = ['10.43.0.0/16'];
export const DEFAULT_ISSUER = 'https://kubernetes.default.svc.cluster.local';
