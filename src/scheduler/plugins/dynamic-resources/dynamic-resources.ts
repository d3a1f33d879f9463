import type { Plugin } from '../../framework.ts';

/** Resource claims: pods that use any are not scheduled by this version, others have none that could be freed. */
export const dynamicResources: Plugin = {
  name: 'DynamicResources',
  preFilter(pod) {
    if (!pod.spec.resourceClaims?.length) return { type: 'skip' };
    const reasons = ['resource claims are not supported by this scheduler'];
    return { type: 'reject', rejection: { code: 'unresolvable', reasons } };
  },
  postFilter: () => 'no new claims to deallocate',
  hints: [{ resource: 'Pod', actions: ['Update'] }],
};
