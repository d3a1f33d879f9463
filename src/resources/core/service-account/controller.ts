import { isStatus } from '#machinery/status.ts';
import { defineController, done } from '#reconciler/controller.ts';
import { isNamespaceTerminating } from '#reconciler/pod-control.ts';
import { namespace } from '../namespace/namespace.ts';
import { serviceAccount } from './service-account.ts';

const DEFAULT = 'default';

/** Every namespace that is not going has a service account `default`. Source: "Managing Service Accounts". */
export const serviceAccountController = defineController('serviceaccount-controller', {
  identity: 'service-account-controller',
  setup({ informers, watch, watchChanges }) {
    const namespaces = informers.of(namespace);
    const accounts = informers.of(serviceAccount);
    watch(namespaces, ({ metadata }) => [metadata.name ?? '']);
    watchChanges(accounts, ({ type, object }) =>
      type === 'deleted' && object.metadata.name === DEFAULT ? [object.metadata.namespace ?? ''] : [],
    );
    return {
      async reconcile(name, { client }) {
        const phase = namespaces.get(name)?.status.phase;
        if (phase === undefined || phase === 'Terminating' || accounts.get(DEFAULT, name)) return done;
        try {
          await client.create(serviceAccount, { metadata: { name: DEFAULT, namespace: name } });
        } catch (error) {
          if (!isStatus(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
        }
        return done;
      },
    };
  },
});
