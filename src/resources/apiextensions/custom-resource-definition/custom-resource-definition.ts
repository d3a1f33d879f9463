import { createdAtColumns } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { keepMetadata } from '#machinery/resource/status-metadata.ts';
import { defaultDefinition } from './defaults.ts';
import { validateDefinition, validateDefinitionUpdate } from './validation.ts';

/** A kind of objects that a user adds to the API. Source: apiextensions.k8s.io/v1 API. */
export const customResourceDefinition = defineResource('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {
  plural: 'customresourcedefinitions',
  scope: 'cluster',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  storagePath: 'apiextensions.k8s.io/customresourcedefinitions',
  hasGeneration: true,
  unconditionalUpdate: false,
  allColumns: createdAtColumns,
  subresources: { status: { prepareForUpdate: keepMetadata } },

  defaults: defaultDefinition,
  /** The version that is stored is the first that has been. */
  prepareForCreate(draft) {
    const stored = (draft.spec?.versions ?? []).filter(({ storage }) => storage).map(({ name }) => name);
    draft.status = { acceptedNames: { plural: '', kind: '' }, conditions: null, storedVersions: stored };
  },
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  prepareForUpdate(draft) {
    for (const { name, storage } of draft.spec?.versions ?? []) {
      if (!storage || draft.status?.storedVersions?.includes(name)) continue;
      if (draft.status) draft.status.storedVersions = [...(draft.status.storedVersions ?? []), name];
    }
  },
});
