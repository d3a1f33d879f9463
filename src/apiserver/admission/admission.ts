import type { Draft, KubeObject } from '#machinery/object.ts';

/** Who makes a request. Source: authentication/v1 UserInfo. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** One request as admission sees it. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: User;
  readonly dryRun: boolean;
  /** The object being written, in the storage version, to be changed in place by `admit`; absent on DELETE. */
  readonly object: Draft<KubeObject> | undefined;
  /** What is stored now, frozen; absent on CREATE. */
  readonly oldObject: KubeObject | undefined;
  /** Options of the verb (DeleteOptions, PodExecOptions, ...), decoded. */
  readonly options: unknown;
  /** Adds a Warning header to the answer. */
  readonly warn: (text: string) => void;
}

/**
 * An admission plug-in. `admit` may change `request.object`; `validate` may not. Both refuse by throwing StatusError
 * (usually `forbiddenError`). What they need to know of other objects comes in as listers when they are made.
 */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(request: AdmissionRequest): void | Promise<void>;
  validate?(request: AdmissionRequest): void | Promise<void>;
}
