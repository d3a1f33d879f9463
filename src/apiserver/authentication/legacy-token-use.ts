import type { Logger } from '#base/log.ts';
import { type Draft, draftOf, type KubeObject } from '#machinery/object.ts';
import { isStatus } from '#machinery/status.ts';
import type { ServedResource } from '../registry/registry.ts';
import { updateObject } from '../registry/update.ts';
import { LAST_USED, type LegacyTokensOptions } from './legacy-tokens.ts';

const SELF = { name: 'system:apiserver', groups: ['system:masters'] };

/** Writes the day on which a token was last used into a label of its Secret. A failure is logged and changes nothing. */
export function noteLegacyTokenUse(secrets: () => ServedResource, log: Logger): LegacyTokensOptions['used'] {
  const writing = new Set<string>();

  async function write(namespace: string, name: string, day: string): Promise<void> {
    const change = (current: KubeObject | undefined): Draft<KubeObject> => {
      const draft = draftOf(current as KubeObject) as Draft<KubeObject>; // only what is there is updated
      draft.metadata.labels = { ...draft.metadata.labels, [LAST_USED]: day };
      return draft;
    };
    await updateObject(
      secrets(),
      {
        namespace,
        name,
        subresource: '',
        user: SELF,
        dryRun: false,
        fieldManager: undefined,
        warn: () => undefined,
        signal: new AbortController().signal, // one small write, which ends by itself
      },
      { change, mayCreate: false, unconditional: false, uidIsPrecondition: true },
    );
  }

  return ({ metadata: { namespace = '', name = '' } }, day) => {
    const key = `${namespace}/${name}`;
    if (writing.has(key)) return;
    writing.add(key);
    void write(namespace, name, day)
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) log.warn({ err: error, key }, 'the use of a token cannot be noted');
      })
      .finally(() => writing.delete(key)); // what went wrong is logged; who asks does not wait for it
  };
}
