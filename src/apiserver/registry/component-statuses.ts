import { kindSchema } from '#machinery/schema/facts.ts';
import { methodNotSupportedError, notFoundError } from '#machinery/status.ts';
import { queryFlag } from '../request/info.ts';
import type { HandlerContext, VirtualResource } from './handlers.ts';

const RESOURCE = { group: '', resource: 'componentstatuses' };
const DEPRECATED = 'v1 ComponentStatus is deprecated in v1.19+';

/** Tells whether a component is well: undefined, or the reason why it is not. */
export type ComponentChecks = Readonly<Record<string, () => Promise<string | undefined>>>;

/** The old way to ask for the health of components. Source: core/v1 ComponentStatus. */
export function componentStatuses(checks: ComponentChecks): VirtualResource {
  return {
    group: '',
    version: 'v1',
    kind: 'ComponentStatus',
    plural: 'componentstatuses',
    singular: 'componentstatus',
    namespaced: false,
    shortNames: ['cs'],
    get schema() {
      return kindSchema('', 'v1', 'ComponentStatus');
    },
    async get(context) {
      const check = checks[context.name];
      context.warn(DEPRECATED);
      if (!check) throw notFoundError(RESOURCE, context.name);
      return statusOf(context.name, await check());
    },
    async list(context: HandlerContext) {
      context.warn(DEPRECATED);
      if (queryFlag(context.query, 'watch')) throw methodNotSupportedError(RESOURCE, 'watch');
      return Promise.all(Object.entries(checks).map(async ([name, check]) => statusOf(name, await check())));
    },
  };
}

function statusOf(name: string, reason: string | undefined): object {
  const condition = reason === undefined ? { status: 'True', message: 'ok' } : { status: 'False', error: reason };
  return {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name },
    conditions: [{ type: 'Healthy', ...condition }],
  };
}
