import type { KubeObject } from '../object.ts';
import { kindSchema } from '../schema/facts.ts';
import type { KindTypes } from '../types/kinds.ts';
import { isDnsSubdomain } from '../validation/names.ts';
import { ageColumn, type Column, nameColumn } from './columns.ts';
import type { ResourceDefinition, ResourceVersion, ScalePaths, Strategy, SubresourceStrategy } from './definition.ts';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

interface OtherVersion {
  readonly columns?: readonly Column[];
  readonly columnsOfStored?: true;
  readonly defaults?: (draft: never) => void;
}

/** What a kind's file says of itself; all else is derived. */
export interface Declaration<T extends KubeObject> extends Strategy<T> {
  readonly plural: string;
  readonly scope: 'namespaced' | 'cluster';
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Key path in the store where it is not the plural (see ResourceDefinition.storagePath). */
  readonly storagePath?: string;
  /** The columns between Name and Age, or all of them where `allColumns` is given. */
  readonly columns?: readonly Column<T>[];
  readonly allColumns?: readonly Column<T>[];
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  readonly subresources?: {
    readonly status?: true | SubresourceStrategy<T>;
    readonly scale?: ScalePaths;
    readonly others?: Readonly<Record<string, SubresourceStrategy<T>>>;
  };
  /** Further versions of the same objects, e.g. `{ v1beta1: {} }`; each must be in the fact tables. */
  readonly otherVersions?: Readonly<Record<string, OtherVersion>>;
  readonly convert?: ResourceDefinition<T>['convert'];
  readonly sharesStorageWith?: string;
  readonly verbs?: readonly string[];
  readonly createOnUpdate?: boolean;
  readonly unconditionalUpdate?: boolean;
  readonly hasGeneration?: boolean;
  readonly defaultPropagation?: 'Background' | 'Orphan';
  readonly deletionWarning?: string;
  readonly fieldAnnotations?: readonly string[];
  readonly metadataChecks?: ResourceDefinition['metadataChecks'];
  readonly gracePeriodSeconds?: ResourceDefinition<T>['gracePeriodSeconds'];
  readonly returnsDeleted?: boolean;
  /** See ResourceVersion; of the storage version. */
  readonly deprecation?: string;
  readonly deletion?: ResourceDefinition<T>['deletion'];
  readonly ttlMs?: number;
  readonly validateName?: ResourceDefinition['validateName'];
  readonly encrypted?: boolean;
}

/** Declares a built-in kind. `apiVersion` is the storage version; field names and types come from the fact tables. */
export function defineResource<V extends keyof KindTypes, K extends keyof KindTypes[V] & string>(
  apiVersion: V,
  kind: K,
  declaration: Declaration<Extract<KindTypes[V][K], KubeObject>>,
): ResourceDefinition<Extract<KindTypes[V][K], KubeObject>> {
  type T = Extract<KindTypes[V][K], KubeObject>;
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const columns = declaration.allColumns ?? [nameColumn, ...(declaration.columns ?? []), ageColumn];
  const versions: ResourceVersion<T>[] = [
    {
      version,
      served: true,
      ...(declaration.deprecation ? { deprecation: declaration.deprecation } : {}),
      get schema() {
        return kindSchema(group, version, kind);
      },
      columns: columns as readonly Column<T>[],
      selectableFields: declaration.selectableFields ?? {},
    },
  ];
  for (const [other, extra] of Object.entries(declaration.otherVersions ?? {})) {
    versions.push({
      version: other,
      served: true,
      get schema() {
        return kindSchema(group, other, kind);
      },
      columns: (extra.columns ?? columns) as readonly Column<T>[],
      ...(extra.columnsOfStored ? { columnsOfStored: true } : {}),
      selectableFields: declaration.selectableFields ?? {},
      ...(extra.defaults ? { defaults: extra.defaults as NonNullable<ResourceVersion<T>['defaults']> } : {}),
    });
  }
  const { status, ...subresources } = declaration.subresources ?? {};
  return {
    group,
    version,
    kind,
    plural: declaration.plural,
    singular: declaration.singular ?? kind.toLowerCase(),
    listKind: `${kind}List`,
    namespaced: declaration.scope === 'namespaced',
    shortNames: declaration.shortNames ?? [],
    categories: declaration.categories ?? [],
    storageVersion: version,
    storagePath: declaration.storagePath ?? declaration.plural,
    versions,
    ...(declaration.convert ? { convert: declaration.convert } : {}),
    ...(declaration.sharesStorageWith ? { sharesStorageWith: declaration.sharesStorageWith } : {}),
    strategy: declaration,
    subresources: { ...subresources, ...(status ? { status: status === true ? {} : status } : {}) },
    verbs: declaration.verbs ?? ALL_VERBS,
    createOnUpdate: declaration.createOnUpdate ?? false,
    unconditionalUpdate: declaration.unconditionalUpdate ?? true,
    hasGeneration: declaration.hasGeneration ?? false,
    defaultPropagation: declaration.defaultPropagation ?? 'Background',
    ...(declaration.deletionWarning ? { deletionWarning: declaration.deletionWarning } : {}),
    ...(declaration.fieldAnnotations ? { fieldAnnotations: declaration.fieldAnnotations } : {}),
    metadataChecks: declaration.metadataChecks ?? ['changes'],
    ...(declaration.gracePeriodSeconds ? { gracePeriodSeconds: declaration.gracePeriodSeconds } : {}),
    ...(declaration.returnsDeleted ? { returnsDeleted: true } : {}),
    ...(declaration.deletion ? { deletion: declaration.deletion } : {}),
    ...(declaration.ttlMs ? { ttlMs: declaration.ttlMs } : {}),
    validateName: declaration.validateName ?? isDnsSubdomain,
    encrypted: declaration.encrypted ?? false,
  };
}
