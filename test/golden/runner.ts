// Replays recorded requests against a server and prints every difference: npm run golden -- [AREA[/TOPIC]...]
// Options: --kubeconfig FILE (a server that runs already), --only TEXT (in the scenario's name), --share (one line an area), -v.
import { parseArgs } from 'node:util';
import { findTopics, replay, type ScenarioResult, startRecordedSetUp, type Topic } from './replay.ts';

/** Differences of one scenario that are printed without -v. */
const SHOWN = 3;

interface Tally {
  passed: number;
  failed: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kubeconfig: { type: 'string' },
    only: { type: 'string', default: '' },
    share: { type: 'boolean', default: false },
    verbose: { type: 'boolean', short: 'v', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const topics = findTopics(positionals);
  if (topics.length === 0) throw new Error(`no topic matches ${positionals.join(' ')}`);
  await using own = values.kubeconfig === undefined ? await startRecordedSetUp() : undefined;
  const tallies = new Map<Topic, Tally>();
  let last: Topic | undefined;
  for await (const result of replay(values.kubeconfig ?? own?.kubeconfig ?? '', topics, { only: values.only })) {
    if (last && last !== result.topic) printTopic(last, tallies);
    last = result.topic;
    count(tallies, result);
    printDifferences(result);
  }
  if (last) printTopic(last, tallies);
  return report(tallies);
}

function count(tallies: Map<Topic, Tally>, { topic, differences }: ScenarioResult): void {
  const tally = tallies.get(topic) ?? { passed: 0, failed: 0 };
  if (differences.length === 0) tally.passed++;
  else tally.failed++;
  tallies.set(topic, tally);
}

function printDifferences({ name, differences }: ScenarioResult): void {
  if (values.share) return;
  for (const line of values.verbose ? differences : differences.slice(0, SHOWN)) console.log(`${name}: ${line}`);
}

function printTopic(topic: Topic, tallies: ReadonlyMap<Topic, Tally>): void {
  const { passed, failed } = tallies.get(topic) ?? { passed: 0, failed: 0 };
  if (!values.share) console.log(`${topic.area}/${topic.name}: ${passed} passed, ${failed} failed`);
}

function report(tallies: ReadonlyMap<Topic, Tally>): number {
  for (const [area, topics] of Map.groupBy(tallies.keys(), (topic) => topic.area)) {
    const { passed, failed } = sum(topics.flatMap((topic) => tallies.get(topic) ?? []));
    const percent = ((100 * passed) / Math.max(1, passed + failed)).toFixed(1);
    if (values.share) console.log(`${area.padEnd(18)} ${percent.padStart(5)} %  (${passed} of ${passed + failed})`);
  }
  const total = sum([...tallies.values()]);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (total, { passed, failed }) => ({ passed: total.passed + passed, failed: total.failed + failed }),
    { passed: 0, failed: 0 },
  );
}
