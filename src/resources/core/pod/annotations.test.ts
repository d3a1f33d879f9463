import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, draftOf } from '#machinery/object.ts';
import type { AppArmorProfile, Pod } from '#machinery/types/core-v1.ts';
import { APP_ARMOR_ANNOTATION, applyAppArmorAnnotations } from './annotations.ts';

interface Profiles {
  readonly container?: AppArmorProfile;
  readonly pod?: AppArmorProfile;
}

function applied(annotation: string | undefined, { container, pod }: Profiles = {}) {
  const annotations = annotation === undefined ? {} : { [`${APP_ARMOR_ANNOTATION}c`]: annotation };
  const draft = draftOf<Pick<Pod, 'metadata' | 'spec'>>({
    metadata: { name: 'p', annotations },
    spec: {
      containers: [
        { name: 'c', resources: {}, ...(container ? { securityContext: { appArmorProfile: container } } : {}) },
      ],
      ...(pod ? { securityContext: { appArmorProfile: pod } } : {}),
    },
  });
  const warnings = applyAppArmorAnnotations(draft as Draft<Pod>);
  return { profile: draft.spec.containers?.[0]?.securityContext?.appArmorProfile?.type, warnings: warnings.length };
}

test('AppArmor: an annotation becomes the field, with a warning', () => {
  assert.deepEqual(applied('runtime/default'), { profile: 'RuntimeDefault', warnings: 1 });
  assert.deepEqual(applied('localhost/x', { pod: { type: 'Unconfined' } }), { profile: 'Localhost', warnings: 1 });
});

test('AppArmor: an annotation that names no profile is warned of all the same', () => {
  for (const text of ['bogus', '', 'localhost/']) {
    assert.deepEqual(applied(text), { profile: undefined, warnings: 1 });
  }
});

test('AppArmor: an annotation that repeats a field is no news', () => {
  const type = 'RuntimeDefault';
  assert.deepEqual(applied('runtime/default', { container: { type } }), { profile: type, warnings: 0 });
  assert.deepEqual(applied('runtime/default', { pod: { type } }), { profile: undefined, warnings: 0 });
  assert.deepEqual(applied(undefined), { profile: undefined, warnings: 0 });
});
