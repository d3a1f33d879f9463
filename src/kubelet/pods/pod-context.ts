import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import type { Service } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import type { PodCgroups } from '../cgroups/cgroups.ts';
import type { BackOff } from '../containers/back-off.ts';
import type { References } from '../containers/references.ts';
import type { ImageManager } from '../images/image-manager.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { ContainerRuntime } from '../runtime/connect.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { ResolverConfig } from './dns.ts';
import type { StatusWriter } from './status-writer.ts';

/** What all pod workers of a node share. */
export interface PodContext {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  /** `containerd`: the scheme of container ids. */
  readonly runtimeName: string;
  readonly images: ImageManager;
  readonly volumes: PodVolumes;
  readonly cgroups: PodCgroups;
  readonly probes: ProbeManager;
  readonly status: StatusWriter;
  readonly references: References;
  readonly services: Informer<Service>;
  readonly events: EventRecorder;
  readonly backOff: BackOff;
  readonly clock: Clock;
  readonly log: Logger;
  /** Holds a folder for each pod, by uid. */
  readonly podsRoot: string;
  readonly podLogsRoot: string;
  /** Holds a link for each container's log, as log collectors expect. */
  readonly containerLogsRoot: string;
  readonly seccompRoot: string;
  readonly hostIps: readonly string[];
  readonly hostname: string;
  readonly hostResolver: ResolverConfig;
  readonly cluster: { readonly dns: readonly string[]; readonly domain: string };
  /** Resources that pods of this node may use. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly memoryCapacity: number;
}
