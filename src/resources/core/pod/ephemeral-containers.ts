import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden } from '#machinery/field-error.ts';
import { draftOf } from '#machinery/object.ts';
import type { SubresourceStrategy } from '#machinery/resource/definition.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { isMirrorPod } from './mirror.ts';
import { keepMetadata } from './prepare.ts';
import { validatePod } from './validation/pod.ts';

/** Containers are added to a running pod and stay as they are. Source: KEP-277. */
export const ephemeralContainers: SubresourceStrategy<Pod> = {
  prepareForUpdate(draft, old) {
    const added = draft.spec?.ephemeralContainers;
    draft.spec = draftOf(old.spec);
    if (added) draft.spec.ephemeralContainers = added;
    else delete draft.spec.ephemeralContainers;
    draft.status = draftOf(old.status ?? {});
    keepMetadata(draft, old);
  },
  validateUpdate(pod, old, context) {
    return [...validatePod(pod, context), ...validateKept(pod, old)];
  },
};

function validateKept(pod: Pod, old: Pod): FieldError[] {
  const path = FieldPath.of('spec', 'ephemeralContainers');
  const errors: FieldError[] = [];
  if (isMirrorPod(pod)) {
    return [{ ...forbidden(FieldPath.root, 'static pods do not support ephemeral containers'), field: '[]' }];
  }
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const before of old.spec.ephemeralContainers ?? []) {
    const current = now.get(before.name);
    if (!current) errors.push(forbidden(path, `existing ephemeral containers "${before.name}" may not be removed\n`));
    else if (!semanticEqual(current, before)) {
      errors.push(forbidden(path, `existing ephemeral containers "${before.name}" may not be changed\n`));
    }
  }
  return errors;
}
