import { defineController } from '#reconciler/controller.ts';
import { labelMatcher } from '#reconciler/selectors.ts';
import { replicaSet } from './replica-set.ts';
import { replicatedPods } from './replicated-pods.ts';

/** Keeps as many pods of a template running as each replica set asks for. Source: apps/v1 API. */
export const replicaSetController = defineController('replicaset-controller', {
  workers: 5,
  setup: (context) =>
    replicatedPods(
      {
        resource: replicaSet,
        selectorOf: ({ spec }) => labelMatcher(spec.selector),
        templateOf: ({ spec }) => spec.template,
      },
      context,
    ),
});
