import { FieldPath, required } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { nonNegative } from '#machinery/validation/basics.ts';
import { immutable } from '../workload.ts';

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

  validate: ({ data, revision }) => [
    ...(data === undefined || data === null ? [required(FieldPath.of('data'), 'data is mandatory')] : []),
    ...nonNegative(revision, FieldPath.of('revision')),
  ],
  validateUpdate: ({ data, revision }, old) => [
    ...(data === undefined || data === null ? [required(FieldPath.of('data'), 'data is mandatory')] : []),
    ...nonNegative(revision, FieldPath.of('revision')),
    ...immutable(data, old.data, FieldPath.of('data')),
  ],
});
