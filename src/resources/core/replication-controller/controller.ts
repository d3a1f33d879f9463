import { defineController } from '#reconciler/controller.ts';
import { mapMatcher } from '#reconciler/selectors.ts';
import { replicatedPods } from '../../apps/replica-set/replicated-pods.ts';
import { replicationController } from './replication-controller.ts';

/** What replica sets came from; both share one loop. Source: core/v1 API. */
export const replicationControllerController = defineController('replicationcontroller-controller', {
  workers: 5,
  setup: (context) =>
    replicatedPods(
      {
        resource: replicationController,
        selectorOf: ({ spec }) => mapMatcher(spec.selector),
        templateOf: ({ spec }) => spec.template,
      },
      context,
    ),
});
