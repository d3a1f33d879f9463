import { type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { nonNegative } from '#machinery/validation/basics.ts';

/** A snapshot of a template, kept for rollbacks. Source: apps/v1 API. */
export const controllerRevision = defineResource('apps/v1', 'ControllerRevision', {
  plural: 'controllerrevisions',
  scope: 'namespaced',

  columns: [
    column('Controller', ({ metadata }) => {
      const owner = metadata.ownerReferences?.find(({ controller }) => controller);
      if (!owner) return '<none>';
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    column('Revision', ({ revision }) => Number(revision ?? 0)),
  ],

  validate: ({ data, revision }) => [...validateData(data), ...nonNegative(revision, FieldPath.of('revision'))],
  validateUpdate: ({ data, revision }, old) => [
    ...validateData(data),
    ...nonNegative(revision, FieldPath.of('revision')),
    ...(JSON.stringify(data) === JSON.stringify(old.data)
      ? []
      : [invalid(FieldPath.of('data'), data, 'field is immutable')]),
  ],
});

/** Any object; it is compared as it is written, since its owner hashes it. */
function validateData(data: unknown): FieldError[] {
  const good = data !== null && typeof data === 'object' && !Array.isArray(data);
  return good ? [] : [required(FieldPath.of('data'), 'data is mandatory')];
}
