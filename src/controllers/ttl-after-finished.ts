import { parseTime } from '#machinery/time.ts';
import type { Job } from '#machinery/types/batch-v1.ts';
import { after, defineController, done } from '#reconciler/controller.ts';
import { keyOf, splitKey } from '#reconciler/owners.ts';
import { job } from '#resources/batch/job/job.ts';

/** Deletes jobs some time after they have finished. Source: KEP-592. */
export const ttlAfterFinishedController = defineController('ttl-after-finished-controller', {
  setup({ informers, watch, clock }) {
    const jobs = informers.of(job);
    watch(jobs, (object) => (object.spec.ttlSecondsAfterFinished === undefined ? [] : [keyOf(object)]));
    return {
      async reconcile(key, { client }) {
        const { namespace, name } = splitKey(key);
        const object = jobs.get(name, namespace);
        const expiry = object && expiresAt(object);
        if (!object || expiry === undefined || object.metadata.deletionTimestamp !== undefined) return done;
        const waitMs = expiry - clock.now();
        if (waitMs > 0) return after(waitMs);
        // The cache may be behind a change of the time to live: the server has the last word.
        const { uid, resourceVersion } = object.metadata;
        await client.delete(job, name, namespace, {
          propagationPolicy: 'Foreground',
          ...(uid ? { uid } : {}),
          ...(resourceVersion ? { resourceVersion } : {}),
        });
        return done;
      },
    };
  },
});

/** Milliseconds since the epoch; undefined where the job has not finished or has no time to live. Pure. */
export function expiresAt({ spec, status }: Job): number | undefined {
  const finished = status.conditions?.find(
    (condition) => (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
  const since = parseTime(finished?.lastTransitionTime);
  if (since === undefined || spec.ttlSecondsAfterFinished === undefined) return undefined;
  return since + spec.ttlSecondsAfterFinished * 1000;
}
