import type { Draft } from '#machinery/object.ts';
import { createdAtColumns } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { LimitRangeItem } from '#machinery/types/core-v1.ts';
import { roundQuantities } from '../pod/defaults.ts';
import { validateLimitRange } from './validation.ts';

/** Bounds and defaults for the resources of what is created in a namespace. Source: core/v1 API. */
export const limitRange = defineResource('v1', 'LimitRange', {
  plural: 'limitranges',
  scope: 'namespaced',
  metadataChecks: ['whole'],
  shortNames: ['limits'],
  createOnUpdate: true,
  allColumns: createdAtColumns,

  defaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      for (const list of [item.max, item.min, item.default, item.defaultRequest, item.maxLimitRequestRatio]) {
        roundQuantities(list);
      }
      if (item.type === 'Container') defaultContainerLimits(item);
    }
  },
  validate: validateLimitRange,
});

/** What a container may have at most is its default limit; its default request is its default limit, or else the least. */
function defaultContainerLimits(item: Draft<LimitRangeItem>): void {
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}
