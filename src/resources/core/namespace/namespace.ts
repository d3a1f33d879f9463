import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import { draftOf } from '#machinery/object.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { Namespace } from '#machinery/types/core-v1.ts';
import { validateFinalizerName } from '#machinery/validation/metadata.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZERS = FieldPath.of('spec', 'finalizers');

/** A space of names; what is in it goes before it goes. Source: core/v1 API. */
export const namespace = defineResource('v1', 'Namespace', {
  plural: 'namespaces',
  returnsDeleted: true,
  scope: 'cluster',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  validateName: isDnsLabel,
  subresources: {
    status: { validateUpdate: validateStatus },
    others: {
      finalize: {
        prepareForUpdate(draft, old) {
          draft.status = draftOf(old.status);
        },
        validateUpdate: ({ spec }) =>
          (spec?.finalizers ?? []).flatMap((name, index) => validateFinalizerName(name, FINALIZERS.index(index))),
      },
    },
  },
  selectableFields: {
    'status.phase': ({ status }) => status?.phase ?? '',
  },

  columns: [column('Status', ({ status }) => status?.phase ?? '')],

  deletion: {
    pending: ({ spec }) => (spec?.finalizers ?? []).length > 0,
    begin(draft) {
      draft.status = { ...draft.status, phase: 'Terminating' };
    },
  },

  defaults({ metadata }) {
    if (!metadata.name) return;
    metadata.labels ??= {};
    metadata.labels[NAME_LABEL] = metadata.name;
  },

  prepareForCreate(draft) {
    draft.status = { phase: 'Active' };
    draft.spec ??= {};
    const finalizers = draft.spec.finalizers ?? [];
    if (!finalizers.includes('kubernetes')) draft.spec.finalizers = [...finalizers, 'kubernetes'];
  },
  prepareForUpdate(draft, old) {
    draft.spec = draftOf(old.spec ?? {});
  },
  validate: ({ spec }) => (spec?.finalizers ?? []).flatMap((name) => validateFinalizerName(name, FINALIZERS)),
  validateUpdate: () => [],
});

/** Only a namespace that is deleted terminates, and it does not come back. */
function validateStatus({ metadata, status }: Namespace): FieldError[] {
  const path = FieldPath.of('status', 'Phase');
  const phase = status?.phase ?? '';
  if (!metadata.deletionTimestamp) {
    return phase === 'Active' ? [] : [invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return phase === 'Terminating'
    ? []
    : [invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}
