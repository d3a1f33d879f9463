import { ageColumn, type Cell, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { PriorityLevelConfiguration, QueuingConfiguration } from '#machinery/types/flowcontrol-v1.ts';
import { validateConditionTypes } from '../condition-types.ts';
import { validatePriorityLevel } from './validation.ts';

const NONE = '<none>';

/** How many requests of a kind run at once and how many wait. Source: flowcontrol.apiserver.k8s.io/v1 API, KEP-1040. */
export const priorityLevelConfiguration = defineResource(
  'flowcontrol.apiserver.k8s.io/v1',
  'PriorityLevelConfiguration',
  {
    plural: 'prioritylevelconfigurations',
    scope: 'cluster',
    hasGeneration: true,
    allColumns: [
      nameColumn,
      column('Type', ({ spec }) => spec.type),
      column('NominalConcurrencyShares', sharesCell),
      column('Queues', (level) => queuingCell(level, 'queues')),
      column('HandSize', (level) => queuingCell(level, 'handSize')),
      column('QueueLengthLimit', (level) => queuingCell(level, 'queueLengthLimit')),
      ageColumn,
    ],
    subresources: { status: { validateUpdate: ({ status }) => validateConditionTypes(status?.conditions) } },

    defaults({ spec }) {
      if (spec?.exempt) {
        spec.exempt.nominalConcurrencyShares ??= 0;
        spec.exempt.lendablePercent ??= 0;
      }
      if (!spec?.limited) return;
      spec.limited.nominalConcurrencyShares ??= 30;
      spec.limited.lendablePercent ??= 0;
      const queuing = spec.limited.limitResponse?.queuing;
      if (!queuing) return;
      queuing.queues ||= 64;
      queuing.queueLengthLimit ||= 50;
      queuing.handSize ||= 8;
    },
    prepareForCreate(draft) {
      draft.status = {};
    },
    validate: validatePriorityLevel,
  },
);

function sharesCell({ spec }: PriorityLevelConfiguration): Cell {
  return spec.limited?.nominalConcurrencyShares ?? NONE;
}

function queuingCell({ spec }: PriorityLevelConfiguration, field: keyof QueuingConfiguration): Cell {
  return spec.limited?.limitResponse?.queuing?.[field] ?? NONE;
}
