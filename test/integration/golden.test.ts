import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type KnownDifference, knownDifferences } from '../golden/known-differences.ts';
import { findTopics, replay, type ScenarioResult, startRecordedSetUp } from '../golden/replay.ts';

/** Longer than the longest scenario waits. */
const SCENARIO_LIMIT_MS = 20_000;

/** Topics whose every scenario has to be answered as recorded, but for the known differences. */
const ASSERTED: readonly (readonly string[])[] = [
  ['pods'],
  ['core-network'],
  ['workloads'],
  ['machinery'],
  [
    'storage-access/rbac-binding',
    'storage-access/rbac-escalation',
    'storage-access/rbac-requests',
    'storage-access/rbac-role',
  ],
];

/** Topics of the other areas whose share is printed: some that do not wait for minutes. For all: `npm run golden -- --share`. */
const PRINTED = [
  'admission/certificates',
  'admission/namespace-lifecycle',
  'admission/priority',
  'custom-resources/crd-names',
  'storage-access/deviceclass',
  'storage-access/resourceclaim',
  'storage-access/validatingadmissionpolicy',
];

describe('recorded answers of the real API server', () => {
  const topics = ASSERTED.flatMap(findTopics);
  const results = new Map<string, readonly ScenarioResult[]>();

  /** A server for each group: while one waits for its controllers another one answers. */
  before(async () => {
    await Promise.all(
      [...ASSERTED, PRINTED].map(findTopics).map(async (group) => {
        await using server = await startRecordedSetUp();
        for await (const result of replay(server.kubeconfig, group, { limitMs: SCENARIO_LIMIT_MS })) {
          results.set(result.topic.file, [...(results.get(result.topic.file) ?? []), result]);
        }
      }),
    );
  });

  for (const { area, name, file } of topics) {
    test(`${area}/${name}: answers are as recorded`, () => {
      const known = knownDifferences.filter(({ topic }) => topic === `${area}/${name}`);
      const replayed = results.get(file) ?? [];
      assert.deepEqual(
        replayed.flatMap((result) => unexplained(result, known)),
        [],
      );
      const missing = known.filter(({ scenario }) => !replayed.some((result) => result.name === scenario));
      assert.deepEqual(missing, [], 'known differences of scenarios that there are not');
    });
  }

  for (const { area, name, file } of findTopics(PRINTED)) {
    test(`${area}/${name}: the share of answers that are as recorded is printed`, (t) => {
      const replayed = results.get(file) ?? [];
      const passed = replayed.filter(({ differences }) => differences.length === 0).length;
      t.diagnostic(`${area}/${name}: ${passed} of ${replayed.length} scenarios`);
      assert.notEqual(replayed.length, 0);
    });
  }

  test('known differences are of topics that are replayed', () => {
    const replayed = new Set(topics.map(({ area, name }) => `${area}/${name}`));
    assert.deepEqual(
      knownDifferences.filter(({ topic }) => !replayed.has(topic)),
      [],
    );
  });
});

/** Lines that no known difference explains, and known differences that are none any more. */
function unexplained({ name, differences }: ScenarioResult, all: readonly KnownDifference[]): readonly string[] {
  const starts = all.filter(({ scenario }) => scenario === name).flatMap(({ at }) => at);
  const fresh = differences.filter((line) => !starts.some((start) => line.startsWith(start)));
  const gone = starts
    .filter((start) => !differences.some((line) => line.startsWith(start)))
    .map((start) => `${start} is answered as recorded: take it off the known differences`);
  return [...fresh, ...gone].map((line) => `${name}: ${line}`);
}
