// Replays recorded requests against a server and prints every difference: npm run golden -- [AREA[/TOPIC]...]
// Options: --kubeconfig FILE (a server that runs already), --only TEXT (in the scenario's name), --share (one line an area), -v.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { startApiServer } from '../support/api-server.ts';
import { startTestControllers } from '../support/controllers.ts';
import { differences, parseExact } from './normal.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { GoldenServer } from './server.ts';

const FOLDER = import.meta.dirname;
/** Differences of one scenario that are printed without -v. */
const SHOWN = 3;

/** What the recorded server was not told to do, though ours does it unasked, and the controllers that ran beside it.
 * The one of namespaces began after five seconds only, longer than any scenario looks. */
const DISABLED_ADMISSION = ['NodeRestriction'];
const CONTROLLERS = [
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
];

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
  const files = topics(positionals);
  if (files.length === 0) throw new Error(`no topic matches ${positionals.join(' ')}`);
  await using own =
    values.kubeconfig === undefined ? await startApiServer({ disabledAdmission: DISABLED_ADMISSION }) : undefined;
  await using _controllers = own && startTestControllers(own, CONTROLLERS);
  await using server = new GoldenServer(values.kubeconfig ?? own?.kubeconfig ?? '');
  const areas = new Map<string, Tally>();
  let serial = 0;
  for (const file of files) {
    const topic: Tally = { passed: 0, failed: 0 };
    const scenarios = parseExact(readFileSync(file, 'utf8')) as readonly Scenario[];
    for (const scenario of scenarios.filter(({ name }) => name.includes(values.only))) {
      const bad = await play(server, scenario, ++serial);
      if (bad.length === 0) topic.passed++;
      else topic.failed++;
      if (!values.share) for (const line of values.verbose ? bad : bad.slice(0, SHOWN)) console.log(line);
    }
    const area = basename(dirname(file));
    const tally = areas.get(area) ?? { passed: 0, failed: 0 };
    areas.set(area, { passed: tally.passed + topic.passed, failed: tally.failed + topic.failed });
    if (!values.share && topic.passed + topic.failed > 0) {
      console.log(`${area}/${basename(file, '.json')}: ${topic.passed} passed, ${topic.failed} failed`);
    }
  }
  return report(areas);
}

async function play(server: GoldenServer, scenario: Scenario, serial: number): Promise<readonly string[]> {
  try {
    const answers = await runScenario(server, scenario, serial);
    return scenario.steps.flatMap(({ response }, index) =>
      response === undefined
        ? []
        : [...differences(response, answers[index])].map((line) => `${scenario.name}: step ${index + 1}: ${line}`),
    );
  } catch (error) {
    return [`${scenario.name}: ${String(error)}`];
  }
}

function report(areas: ReadonlyMap<string, Tally>): number {
  const total: Tally = { passed: 0, failed: 0 };
  for (const [area, { passed, failed }] of areas) {
    total.passed += passed;
    total.failed += failed;
    const percent = ((100 * passed) / Math.max(1, passed + failed)).toFixed(1);
    if (values.share) console.log(`${area.padEnd(18)} ${percent.padStart(5)} %  (${passed} of ${passed + failed})`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
}

/** Files of the wanted areas and topics, all where none is named. `pods/defaults` also finds pods/pod-defaults. */
function topics(wanted: readonly string[]): readonly string[] {
  const all = readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(FOLDER, name)).map((file) => join(FOLDER, name, file)))
    .filter((file) => file.endsWith('.json'))
    .sort();
  if (wanted.length === 0) return all;
  return all.filter((file) => wanted.some((filter) => matches(file, filter)));
}

function matches(file: string, filter: string): boolean {
  const [area, topic] = filter.split('/');
  if (basename(dirname(file)) !== area) return false;
  const name = basename(file, '.json');
  return !topic || name === topic || name.endsWith(`-${topic}`);
}
