import type { Clock } from '#base/clock.ts';
import type { Randomness } from '#base/random.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import type { ResourceDefinition, ResourceVersion, WriteContext } from '#machinery/resource/definition.ts';
import type { GroupResource } from '#machinery/status.ts';
import type { AdmissionPlugin, AdmissionRequest, User } from '../admission/admission.ts';
import type { CachedObject } from '../cache/cache.ts';
import type { DerivedBytes } from '../cache/derived-bytes.ts';
import type { Storage } from './storage.ts';

/** A resource in one of its served versions: what a URL names. */
export interface ServedResource {
  readonly definition: ResourceDefinition;
  readonly version: ResourceVersion;
  /** `apps/v1`, `v1`. */
  readonly apiVersion: string;
  /** As messages name it. */
  readonly groupResource: GroupResource;
  /** Where the objects are; resources of two groups may share it. */
  readonly storage: Storage;
  readonly registry: RegistryParts;
}

/** What all writes share. */
export interface RegistryParts {
  readonly clock: Clock;
  readonly random: Randomness;
  readonly featureOn: (gate: string) => boolean;
  readonly admission: readonly AdmissionPlugin[];
  readonly hooks: readonly WriteHook[];
  /** Encodings of stored objects, shared by all resources. */
  readonly derived: DerivedBytes;
}

/** One write as its maker asked for it. */
export interface WriteRequest {
  readonly namespace: string;
  /** Empty for a create by generateName. */
  readonly name: string;
  readonly subresource: string;
  readonly user: User;
  readonly dryRun: boolean;
  /** Who owns the fields written; undefined: managed fields are not touched. */
  readonly fieldManager: string | undefined;
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
  /** Throws 403 where who writes may not create; asked where an update creates. Absent: it may. */
  readonly requireCreate?: () => Promise<void>;
}

/** The outcome of a write. */
export interface Written {
  /** In the storage version, frozen. */
  readonly object: KubeObject;
  /** The same as the cache has it, where it was written (not in a dry run). */
  readonly cached: CachedObject | undefined;
  readonly created: boolean;
}

/**
 * Work around the writes of one resource that involves other objects: allocating what must be unique (cluster IPs,
 * node ports). Registered by the composition, so that the registry names no kind.
 */
export interface WriteHook {
  readonly group: string;
  readonly resource: string;
  /**
   * Runs after admission and before validation, may change `draft`. `old` is absent on create. What it returns is
   * called when the write has ended.
   */
  before?(
    draft: Draft<KubeObject>,
    old: KubeObject | undefined,
    context: WriteContext,
  ): Promise<WriteOutcome | undefined>;
  /** Runs when an object has gone from the store. */
  deleted?(old: KubeObject): Promise<void>;
}

export interface WriteOutcome {
  committed?(): Promise<void>;
  /** The write did not happen: give back what was taken. */
  rolledBack?(): Promise<void>;
}

export function writeContext(parts: RegistryParts, request: WriteRequest): WriteContext {
  return {
    now: parts.clock.now(),
    featureOn: parts.featureOn,
    subresource: request.subresource,
    dryRun: request.dryRun,
    user: request.user,
    warn: request.warn,
  };
}

/** What admission is told of a write. Objects are in the storage version. */
export function admissionRequest(
  { definition }: ServedResource,
  request: WriteRequest,
  operation: AdmissionRequest['operation'],
  state: Pick<AdmissionRequest, 'object' | 'oldObject'> & { readonly options?: unknown; readonly name?: string },
): AdmissionRequest {
  return {
    operation,
    group: definition.group,
    version: definition.storageVersion,
    resource: definition.plural,
    subresource: request.subresource,
    kind: definition.kind,
    namespace: request.namespace,
    name: state.name ?? request.name,
    user: request.user,
    dryRun: request.dryRun,
    object: state.object,
    oldObject: state.oldObject,
    options: state.options,
    warn: request.warn,
  };
}

export async function admit(parts: RegistryParts, request: AdmissionRequest): Promise<void> {
  for (const plugin of parts.admission) {
    const pending = plugin.admit?.(request);
    if (pending) await pending;
  }
}

export async function admitValidating(parts: RegistryParts, request: AdmissionRequest): Promise<void> {
  for (const plugin of parts.admission) {
    const pending = plugin.validate?.(request);
    if (pending) await pending;
  }
}

export function hooksOf({ definition, registry }: ServedResource): readonly WriteHook[] {
  return registry.hooks.filter((hook) => hook.group === definition.group && hook.resource === definition.plural);
}
