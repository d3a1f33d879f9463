import { isStatus } from '#machinery/status.ts';
import type { Secret, ServiceAccount } from '#machinery/types/core-v1.ts';
import { type Controller, defineController, done } from '#reconciler/controller.ts';
import { joinKey, keyOf, splitKey } from '#reconciler/owners.ts';
import { secret } from '#resources/core/secret/secret.ts';
import { serviceAccount } from '#resources/core/service-account/service-account.ts';

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

/** Makes the token of a service account that is kept in a Secret. */
export type LegacyTokenSigner = (token: {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly secret: string;
}) => Promise<string>;

/** Fills Secrets of the token type that users make for a service account, and removes those of accounts that went. */
export function serviceAccountTokenController(caPem: string, sign: LegacyTokenSigner): Controller {
  return defineController('serviceaccount-token-controller', {
    identity: 'kube-controller-manager',
    setup({ informers, watch }) {
      const accounts = informers.of(serviceAccount);
      const secrets = informers.of(secret);
      const tokens = secrets.index('token-of', (object) =>
        object.type === TYPE
          ? [joinKey(object.metadata.namespace, object.metadata.annotations?.[ACCOUNT_NAME] ?? '')]
          : [],
      );
      watch(secrets, (object) => (object.type === TYPE ? [keyOf(object)] : []));
      watch(accounts, (account) => tokens.get(keyOf(account)).map(keyOf));
      return {
        async reconcile(key, { client }) {
          const { namespace, name } = splitKey(key);
          const object = secrets.get(name, namespace);
          if (object?.type !== TYPE || object.metadata.deletionTimestamp !== undefined) return done;
          const account = accounts.get(object.metadata.annotations?.[ACCOUNT_NAME] ?? '', namespace);
          if (!account || !belongsTo(object, account)) {
            const { uid } = object.metadata;
            await client.delete(secret, name, namespace, uid ? { uid } : {});
            return done;
          }
          if (isFilled(object, account, caPem)) return done;
          const token = await sign({
            namespace,
            serviceAccount: account.metadata.name ?? '',
            serviceAccountUid: account.metadata.uid ?? '',
            secret: name,
          });
          try {
            await client.update(secret, filled(object, account, { token, caPem }));
          } catch (error) {
            if (!isStatus(error, 'NotFound')) throw error;
          }
          return done;
        },
      };
    },
  });
}

/** A Secret of an earlier account of the same name must not give access to the new one. */
function belongsTo({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[ACCOUNT_UID];
  return !uid || uid === account.metadata.uid;
}

function isFilled({ data, metadata }: Secret, account: ServiceAccount, caPem: string): boolean {
  return Boolean(
    data?.token &&
      data['ca.crt'] === base64(caPem) &&
      data.namespace === base64(metadata.namespace ?? '') &&
      metadata.annotations?.[ACCOUNT_UID] === account.metadata.uid,
  );
}

function filled(
  object: Secret,
  account: ServiceAccount,
  { token, caPem }: { readonly token: string; readonly caPem: string },
): Secret {
  const { metadata, data } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [ACCOUNT_UID]: account.metadata.uid ?? '' },
    },
    data: {
      ...data,
      'ca.crt': base64(caPem),
      namespace: base64(metadata.namespace ?? ''),
      token: data?.token ?? base64(token),
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
