import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import { validateConditionTypes } from '../condition-types.ts';
import { validateFlowSchema } from './validation.ts';

/** Which requests belong to which priority level. Source: flowcontrol.apiserver.k8s.io/v1 API, KEP-1040. */
export const flowSchema = defineResource('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', {
  plural: 'flowschemas',
  scope: 'cluster',
  hasGeneration: true,
  allColumns: [
    nameColumn,
    column('PriorityLevel', ({ spec }) => spec.priorityLevelConfiguration?.name ?? '<none>'),
    column('MatchingPrecedence', ({ spec }) => spec.matchingPrecedence),
    column('DistinguisherMethod', ({ spec }) => spec.distinguisherMethod?.type ?? '<none>'),
    ageColumn,
    column('MissingPL', ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'),
  ],
  subresources: { status: { validateUpdate: ({ status }) => validateConditionTypes(status?.conditions) } },

  defaults(draft) {
    draft.spec ??= { matchingPrecedence: 0, priorityLevelConfiguration: { name: '' } };
    draft.spec.matchingPrecedence ||= 1000;
  },
  prepareForCreate(draft) {
    draft.status = {};
  },
  validate: validateFlowSchema,
});
