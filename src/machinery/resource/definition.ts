import type { FieldError, FieldPath } from '../field-error.ts';
import type { Draft, KubeObject } from '../object.ts';
import type { StructSchema } from '../schema/schema.ts';
import type { Column } from './columns.ts';

/** What a request is allowed to know of its surroundings while an object is prepared and validated. */
export interface WriteContext {
  /** Milliseconds since the epoch (`apiClock`). */
  readonly now: number;
  /** Whether a feature gate is on. */
  readonly featureOn: (gate: string) => boolean;
  /** Name of the subresource written through (`status`, `scale`, `ephemeralcontainers`, ...), or ''. */
  readonly subresource: string;
  readonly dryRun: boolean;
  readonly user: {
    readonly name: string;
    readonly uid?: string;
    readonly groups: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  /** Adds a Warning header that is sent whatever becomes of the write. */
  readonly warn: (text: string) => void;
}

/** Where the objects of one resource are found and how clients name it. Enough to make requests with. */
export interface ResourceRef<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only in the type: what the resource holds. */
  readonly object?: T;
}

/** How a subresource changes the object that it belongs to. */
export interface SubresourceStrategy<T extends KubeObject> {
  /** Copies into `draft` (what the client sent) whatever the subresource must not change. */
  prepareForUpdate?(draft: Draft<T>, old: T, context: WriteContext): void;
  validateUpdate?(object: T, old: T, context: WriteContext): readonly FieldError[];
}

/** Where `scale` reads and writes, as paths into the object. Source: autoscaling/v1 Scale. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** Path of the label selector (an object or a string map) that is shown as text in `status.selector`. */
  readonly selector?: readonly string[];
}

/** The hooks around one write, in the order in which they run. Each says whether it may mutate. */
export interface Strategy<T extends KubeObject> {
  /** Fills in what the client left out. Runs on every decoded object, also those read from the store. Mutates. */
  defaults?(draft: Draft<T>): void;
  /** Drops what a client may not set on create (status, disabled fields), sets the first generation. Mutates. */
  prepareForCreate?(draft: Draft<T>, context: WriteContext): void;
  /** Keeps what an ordinary update may not change (status, immutable server-set fields). Mutates. */
  prepareForUpdate?(draft: Draft<T>, old: T, context: WriteContext): void;
  validate?(object: T, context: WriteContext): readonly FieldError[];
  /** Runs instead of `validate` on updates: call `validate` from it where the whole object must be valid. */
  validateUpdate?(object: T, old: T, context: WriteContext): readonly FieldError[];
  /** Texts of Warning headers. `old` is absent on create. */
  warnings?(object: T, old: T | undefined, context: WriteContext): readonly string[];
  /** A field that changes `metadata.generation`; by default everything but metadata and status. */
  generationChanged?(object: T, old: T): boolean;
}

/** One served version of a resource. */
export interface ResourceVersion<T extends KubeObject = KubeObject> {
  readonly version: string;
  readonly schema: StructSchema;
  readonly served: boolean;
  /** Text of a Warning header on every answer: what to use instead. */
  readonly deprecation?: string;
  readonly columns: readonly Column<T>[];
  /** Cells show the object as it is stored, where this version would lose something. */
  readonly columnsOfStored?: boolean;
  /** Fields beside metadata.name and metadata.namespace that a field selector may name. */
  readonly selectableFields: Readonly<Record<string, (object: T) => string>>;
  readonly defaults?: (draft: Draft<T>) => void;
}

/**
 * A kind: everything that a user can see of it. Built-in kinds (`defineResource`) and custom resources become the same
 * form and go through the same registry, codecs and admission.
 */
export interface ResourceDefinition<T extends KubeObject = KubeObject> extends ResourceRef<T> {
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Version under which objects lie in the store; also the `version` of the ref. */
  readonly storageVersion: string;
  /** Key path under `/registry/`, as upstream has it: `pods`, `services/specs`, `minions`. */
  readonly storagePath: string;
  readonly versions: readonly ResourceVersion<T>[];
  /** Turns objects of any of the versions into another one of them. Absent where versions differ only in name. */
  readonly convert?: (objects: readonly T[], version: string) => readonly T[] | Promise<readonly T[]>;
  /** Another definition that holds the objects (events.k8s.io Event shares storage with core Event). */
  readonly sharesStorageWith?: string;
  readonly strategy: Strategy<T>;
  readonly subresources: {
    readonly status?: SubresourceStrategy<T>;
    readonly scale?: ScalePaths;
    /** Others that read and write the same object: `approval`, `finalize`, `ephemeralcontainers`, `resize`. */
    readonly others?: Readonly<Record<string, SubresourceStrategy<T>>>;
  };
  /** Verbs as in discovery: get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verbs: readonly string[];
  /** A PUT to a name that does not exist creates the object. */
  readonly createOnUpdate: boolean;
  /** An update without a resourceVersion is accepted. */
  readonly unconditionalUpdate: boolean;
  /** `metadata.generation` is kept. */
  readonly hasGeneration: boolean;
  /** What happens to dependents where DeleteOptions do not say. */
  readonly defaultPropagation: 'Background' | 'Orphan';
  /** Text of a Warning header on deletions that do not say what is to happen to dependents. */
  readonly deletionWarning?: string;
  /** Seconds that a deleted object stays for a graceful end (pods); undefined: it goes at once. */
  readonly gracePeriodSeconds?: (object: T, requested: number | undefined) => number | undefined;
  /** A deletion that is done at once answers with the object instead of a Status. */
  readonly returnsDeleted?: boolean;
  /** Deletion that waits for more than metadata.finalizers (the finalizers in a Namespace's spec). */
  readonly deletion?: {
    /** True while the object must stay. */
    pending(object: T): boolean;
    /** Marks a draft that is being deleted, beyond its metadata. Mutates. */
    begin(draft: Draft<T>): void;
  };
  /** Milliseconds after which an object goes by itself (events). */
  readonly ttlMs?: number;
  /** Checks metadata.name; the message list is empty where the name is good. */
  readonly validateName: (name: string, prefix: boolean) => readonly string[];
  /** Annotations that stand for fields which no version has any more: metadata shown alone is without them. */
  readonly fieldAnnotations?: readonly string[];
  /** Values are encrypted in the store. */
  readonly encrypted: boolean;
  readonly validateMetadata?: (object: T, path: FieldPath) => readonly FieldError[];
  /**
   * How an update checks metadata beside what is checked for every kind: what changed, or the whole as on create. The
   * causes of an error are repeated for each check, as upstream repeats them.
   */
  readonly metadataChecks: readonly ('changes' | 'whole')[];
}
