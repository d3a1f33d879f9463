import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { startApiServer } from '../support/api-server.ts';
import { startTestControllers } from '../support/controllers.ts';
import { differences, parseExact } from './normal.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { GoldenServer } from './server.ts';

const FOLDER = import.meta.dirname;

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

/** A file of scenarios: `pods/pod-defaults` is the topic pod-defaults of the area pods. */
export interface Topic {
  readonly area: string;
  readonly name: string;
  readonly file: string;
}

export interface ScenarioResult {
  readonly topic: Topic;
  readonly name: string;
  /** One line for each place where an answer is not the recorded one; none where the scenario passed. */
  readonly differences: readonly string[];
}

export interface ReplayOptions {
  /** Only scenarios with this text in their name. */
  readonly only?: string;
  /** A scenario that takes longer fails, in milliseconds. */
  readonly limitMs?: number;
}

/** An API server in this process, with the controllers that ran beside the recorded one. */
export async function startRecordedSetUp(): Promise<AsyncDisposable & { readonly kubeconfig: string }> {
  const api = await startApiServer({ disabledAdmission: DISABLED_ADMISSION });
  const controllers = startTestControllers(api, CONTROLLERS);
  return {
    kubeconfig: api.kubeconfig,
    async [Symbol.asyncDispose]() {
      await controllers[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** Topics of the wanted areas, all where none is named. `pods/defaults` also finds pods/pod-defaults. */
export function findTopics(wanted: readonly string[]): readonly Topic[] {
  const all = readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(FOLDER, name)).map((file) => join(FOLDER, name, file)))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ area: basename(dirname(file)), name: basename(file, '.json'), file }));
  if (wanted.length === 0) return all;
  return all.filter((topic) => wanted.some((filter) => matches(topic, filter)));
}

function matches(topic: Topic, filter: string): boolean {
  const [area, name] = filter.split('/');
  return topic.area === area && (!name || topic.name === name || topic.name.endsWith(`-${name}`));
}

/** Replays the scenarios of topics one after another. */
export async function* replay(
  kubeconfig: string,
  topics: readonly Topic[],
  { only = '', limitMs = 60_000 }: ReplayOptions = {},
): AsyncGenerator<ScenarioResult> {
  await using server = new GoldenServer(kubeconfig);
  let serial = 0;
  for (const topic of topics) {
    const scenarios = parseExact(readFileSync(topic.file, 'utf8')) as readonly Scenario[];
    for (const scenario of scenarios.filter(({ name }) => name.includes(only))) {
      server.allow(limitMs);
      yield { topic, name: scenario.name, differences: await play(server, scenario, ++serial) };
    }
  }
}

async function play(server: GoldenServer, scenario: Scenario, serial: number): Promise<readonly string[]> {
  try {
    const answers = await runScenario(server, scenario, serial);
    return scenario.steps.flatMap(({ response }, index) =>
      response === undefined
        ? []
        : [...differences(response, answers[index])].map((line) => `step ${index + 1}: ${line}`),
    );
  } catch (error) {
    return [String(error)];
  }
}
