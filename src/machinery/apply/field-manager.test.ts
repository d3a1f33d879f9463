import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepFreeze, type KubeObject } from '../object.ts';
import { kindSchema } from '../schema/facts.ts';
import { StatusError } from '../status.ts';
import { applyConflictError, applyPatch, fieldManagerName, keepTimes, updateManagedFields } from './field-manager.ts';
import { decodeFieldSet, difference, encodeFieldSet, intersection, isEmpty, sameSet, union } from './field-set.ts';

type Json = Readonly<Record<string, unknown>>;

const context = {
  schema: kindSchema('apps', 'v1', 'Deployment'),
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  subresource: '',
  time: '2026-01-01T00:00:00Z',
} as const;

function deployment(spec: Json): Json {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec };
}

/** What the registry does with a result: members without value are gone. */
function stored(result: Json): KubeObject {
  const text = JSON.stringify(result, (_key, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null))
      : value,
  );
  return deepFreeze({ ...JSON.parse(text) }) as KubeObject;
}

async function apply(live: KubeObject | undefined, manager: string, spec: Json, force = false): Promise<KubeObject> {
  const result = await applyPatch({ ...context, manager, live, applied: deployment(spec), force });
  if (result.conflicts.length > 0) throw applyConflictError(result.conflicts);
  return stored(result.object);
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const env = fc.uniqueArray(fc.record({ name, value: fc.constantFrom('1', '2') }), { selector: (item) => item.name });
const container = fc.record({ name, image: fc.constantFrom('x', 'y'), env }, { requiredKeys: ['name'] });
const containers = fc.uniqueArray(container, { selector: (item) => item.name, maxLength: 4 });
const labels = fc.dictionary(name, fc.constantFrom('1', '2'));
const spec = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    template: fc.record({ metadata: fc.record({ labels }), spec: fc.record({ containers }) }),
  },
  { requiredKeys: ['template'] },
);

test('apply: twice the same changes nothing the second time', async () => {
  await fc.assert(
    fc.asyncProperty(spec, spec, async (first, config) => {
      const live = await apply(await apply(undefined, 'one', first), 'two', config, true);
      const again = await apply(live, 'two', config);
      assert.deepEqual(again, live);
    }),
  );
});

test('apply: what one manager gives up, another that applied it keeps', async () => {
  await fc.assert(
    fc.asyncProperty(spec, spec, async (config, other) => {
      const both = await apply(await apply(undefined, 'one', config), 'two', other, true);
      const alone = await apply(both, 'one', {});
      const expected = await apply(undefined, 'two', other);
      assert.deepEqual(fieldsOfTwo(alone), fieldsOfTwo(expected));
      assertWithin(deployment(other)['spec'], (alone as unknown as Json)['spec']);
    }),
  );
});

test('apply: without force nothing that another manager owns changes', async () => {
  await fc.assert(
    fc.asyncProperty(spec, spec, async (config, other) => {
      const live = await apply(undefined, 'one', config);
      try {
        const next = await apply(live, 'two', other);
        const mine = (object: KubeObject) => object.metadata.managedFields?.find((entry) => entry.manager === 'one');
        assert.deepEqual(mine(next), mine(live));
        assertWithin(deployment(config)['spec'], (next as unknown as Json)['spec']);
      } catch (error) {
        assert.ok(error instanceof StatusError, String(error));
        assert.equal(error.reason, 'Conflict');
      }
    }),
  );
});

test('update: every changed field has exactly the manager that changed it last', async () => {
  await fc.assert(
    fc.asyncProperty(spec, spec, async (first, second) => {
      const live = stored(deployment(first));
      const created = await updateManagedFields({ ...context, manager: 'one', live: undefined, next: live });
      const known = { ...live, metadata: { ...live.metadata, uid: 'u', managedFields: created } };
      const next = stored(deployment(second));
      const entries = await updateManagedFields({ ...context, manager: 'two', live: known, next });
      const sets = entries.map((entry) => decodeFieldSet(entry.fieldsV1));
      const [one, two] = sets;
      if (one && two) assert.ok(isEmpty(intersection(one, two)));
    }),
  );
});

test('field sets: the encoded form gives the same set back, and the laws of sets hold', () => {
  const { set } = fc.letrec<{ set: Json }>((tie) => ({
    set: fc.dictionary(
      fc.constantFrom('.', 'f:a', 'f:b', 'k:{"name":"x"}', 'v:1', 'i:0'),
      fc.oneof({ depthSize: 'small' }, fc.constant({}), tie('set')),
      {
        maxKeys: 3,
      },
    ),
  }));
  fc.assert(
    fc.property(set, set, (a, b) => {
      const one = decodeFieldSet(a);
      const other = decodeFieldSet(b);
      assert.ok(sameSet(decodeFieldSet(encodeFieldSet(one)), one) || isEmpty(one));
      assert.ok(sameSet(union(difference(one, other), intersection(one, other)), one));
      assert.ok(isEmpty(intersection(difference(one, other), other)));
    }),
  );
});

test('apply: a conflict names the managers, their versions and the fields', async () => {
  const live = await apply(undefined, 'one', { replicas: 1, paused: true });
  await assert.rejects(apply(live, 'two', { replicas: 2 }), {
    message: 'Apply failed with 1 conflict: conflict with "one": .spec.replicas',
  });
  await assert.rejects(apply(live, 'two', { replicas: 2, paused: false }), {
    message: 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas',
  });
});

test('apply: a body that does not fit the schema is refused with the place', async () => {
  await assert.rejects(apply(undefined, 'one', { nope: 1 }), {
    message:
      'failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.nope: field not declared in schema',
  });
  const twice = { template: { spec: { containers: [{ name: 'a' }, { name: 'a' }] } } };
  await assert.rejects(apply(undefined, 'one', twice), {
    message:
      'failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
  });
});

test('managed fields: a write that changes nothing but times keeps the old ones', () => {
  const old = [{ manager: 'm', operation: 'Update', time: '2020-01-01T00:00:00Z', fieldsV1: { 'f:a': {} } }];
  assert.equal(keepTimes([{ ...old[0], time: context.time }], old), old);
  const more = [{ ...old[0], fieldsV1: {} }];
  assert.equal(keepTimes(more, old), more);
});

test('field manager: without a name it is the program of the user agent', () => {
  assert.equal(fieldManagerName(undefined, 'kubectl/v1.36 (linux/amd64)'), 'kubectl');
  assert.equal(fieldManagerName('mine', 'kubectl/v1.36'), 'mine');
  assert.equal(fieldManagerName(undefined, `a\u0000b${'c'.repeat(200)}/1`), `ab${'c'.repeat(126)}`);
});

function fieldsOfTwo(object: KubeObject): unknown {
  return object.metadata.managedFields?.find((entry) => entry.manager === 'two')?.fieldsV1;
}

function assertWithin(part: unknown, whole: unknown): void {
  if (Array.isArray(part)) {
    for (const item of part as Json[]) {
      assertWithin(
        item,
        (whole as Json[]).find((other) => other['name'] === item['name']),
      );
    }
  } else if (part && typeof part === 'object') {
    for (const [key, value] of Object.entries(part)) {
      if (value && typeof value === 'object' && Object.keys(value).length === 0) continue;
      assertWithin(value, (whole as Json | undefined)?.[key]);
    }
  } else assert.deepEqual(whole, part);
}
