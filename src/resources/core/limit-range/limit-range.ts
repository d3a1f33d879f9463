import { defineResource } from '#machinery/resource/define.ts';

export const limitRange = defineResource('v1', 'LimitRange', {
  plural: 'limitranges',
  scope: 'namespaced',
  shortNames: ['limits'],
  createOnUpdate: true,

  defaults({ spec }) {
    for (const limit of spec?.limits ?? []) {
      if (limit.type !== 'Container') continue;
      // the most is what a container gets, and the least (or the same) is what it asks for
      const limits = { ...limit.max, ...limit.default };
      const requests = { ...limit.min, ...limits, ...limit.defaultRequest };
      if (Object.keys(limits).length > 0) limit.default = limits;
      if (Object.keys(requests).length > 0) limit.defaultRequest = requests;
    }
  },
});
