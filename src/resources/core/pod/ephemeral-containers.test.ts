import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldPath } from '#machinery/field-error.ts';
import type { EphemeralContainer, PodSpec } from '#machinery/types/core-v1.ts';
import { validateEphemeralContainers } from './validation/containers.ts';

function refused(container: Partial<EphemeralContainer>): readonly string[] {
  const complete = {
    name: 'debug',
    image: 'busybox',
    imagePullPolicy: 'Always',
    terminationMessagePolicy: 'File',
    resources: {},
    ...container,
  };
  const spec: PodSpec = { containers: [], ephemeralContainers: [complete] };
  const scope = { spec, volumes: new Map(), claims: new Set<string>(), featureOn: () => true, template: false };
  return validateEphemeralContainers(spec, FieldPath.of('ephemeralContainers'), scope).map(({ field }) => field);
}

test('ephemeral containers: what is given is refused even where it says nothing, but for resources', () => {
  assert.deepEqual(refused({}), []);
  assert.deepEqual(refused({ lifecycle: {} }), ['ephemeralContainers[0].lifecycle']);
  assert.deepEqual(refused({ resources: {} }), []);
});
