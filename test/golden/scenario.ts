import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Json,
  type Names,
  normal,
  normalStatus,
  normalTable,
  parseExact,
  stringsOf,
  substitute,
} from './normal.ts';
import type { GoldenServer, RawAnswer } from './server.ts';

export interface Scenario {
  readonly name: string;
  readonly namespace?: boolean;
  readonly managed?: boolean;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly request: StepRequest;
  readonly response?: Json;
}

interface StepRequest {
  readonly get?: string;
  readonly post?: string;
  readonly put?: string;
  readonly patch?: string;
  readonly delete?: string;
  readonly query?: string;
  readonly body?: Json;
  readonly raw?: string;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly wait?: number;
  readonly capture?: Readonly<Record<string, string>>;
  readonly managed?: boolean;
}

const VERBS = ['get', 'post', 'put', 'patch', 'delete'] as const;

const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  jsonpatch: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

const ACCEPT: Readonly<Record<string, string>> = {
  json: 'application/json',
  table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  meta: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  metalist: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  discovery: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
};

const CLEAN_UP_LIMIT_MS = 20_000;
const NAMESPACE_TRIES = 200;
const NAMESPACE_PAUSE_MS = 50;
/** A server without the service-account controller is given the account after this many tries. */
const TRIES_BEFORE_HELP = 2;

/** Sends the requests of a scenario in a namespace of its own; the answer to each step, in comparable form. */
export async function runScenario(server: GoldenServer, scenario: Scenario, serial: number): Promise<readonly Json[]> {
  const ns = `golden-${process.pid}-${serial}`;
  const names: Record<string, string> = { ns };
  const answers: Json[] = [];
  const made: string[] = [];
  const own = scenario.namespace ?? true;
  if (own) await makeNamespace(server, ns);
  try {
    for (const { request } of scenario.steps) {
      const managed = request.managed ?? scenario.managed ?? false;
      answers.push(await runStep(server, request, { names, made, managed, ns }));
    }
  } finally {
    server.allow(CLEAN_UP_LIMIT_MS);
    for (const path of made.reverse()) await server.send('DELETE', path);
    if (own) await server.send('DELETE', `/api/v1/namespaces/${ns}`);
  }
  return answers;
}

interface Run {
  readonly names: Record<string, string>;
  /** Paths of what was created outside the namespace. */
  readonly made: string[];
  readonly managed: boolean;
  readonly ns: string;
}

async function runStep(server: GoldenServer, step: StepRequest, run: Run): Promise<Json> {
  const { names } = run;
  const verb = VERBS.find((name) => name in step) ?? 'get';
  let path = text(step[verb] ?? '', names);
  if (step.query) path += `?${text(step.query, names)}`;
  if (step.wait) await sleep(step.wait * 1000);
  const accept = step.accept ?? 'json';
  const headers: Record<string, string> = { accept: ACCEPT[accept] ?? accept };
  const body = step.body === undefined || step.body === null ? undefined : substitute(step.body, names);
  const data =
    step.raw !== undefined ? Buffer.from(text(step.raw, names)) : body === undefined ? undefined : encode(body);
  if (data) headers['content-type'] = TYPES[step.type ?? 'json'] ?? step.type ?? 'json';
  for (const [name, value] of Object.entries(step.headers ?? {})) headers[name.toLowerCase()] = text(value, names);
  const given = stringsOf(body);
  for (const part of path.split(/[?&=/]/)) given.add(part);
  const answer = await server.send(verb.toUpperCase(), quote(path), data, headers);
  const parsed = parse(answer);
  for (const [name, at] of Object.entries(step.capture ?? {})) names[name] = dig(parsed, at);
  if (verb === 'post' && answer.code === 201 && !path.includes(`/namespaces/${run.ns}`) && !path.includes('dryRun')) {
    const name = dig(parsed, 'metadata.name');
    if (name) run.made.push(`${path.split('?')[0]}/${name}`);
  }
  return comparable(answer, parsed, given, run);
}

function comparable(answer: RawAnswer, parsed: Json | undefined, given: ReadonlySet<string>, run: Run): Json {
  const head = { code: answer.code, ...(answer.warnings > 0 ? { warnings: answer.warnings } : {}) };
  const type = answer.contentType.split(';')[0] ?? '';
  if (type !== 'application/json') return { ...head, contentType: type };
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { ...head, body: parsed ?? null };
  const object = parsed as { readonly [key: string]: Json };
  if (object['kind'] === 'Status') return { ...head, body: normalStatus(object, run.names) };
  if (object['kind'] === 'Table') return { ...head, body: normalTable(object, given, run.names) };
  return { ...head, body: normal(object, { given, names: run.names, managed: run.managed }) };
}

function text(value: string, names: Names): string {
  return String(substitute(value, names));
}

/** ASCII with escapes, as Python writes JSON. */
function encode(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Escapes what urllib.parse.quote escapes with the safe characters of the recorder. */
function quote(path: string): string {
  return [...path]
    .map((character) => (/[\w\-.~/?&=%:,()!+*'$;@]/.test(character) ? character : encodeURIComponent(character)))
    .join('');
}

function parse({ body, contentType }: RawAnswer): Json | undefined {
  if (!contentType.startsWith('application/json')) return undefined;
  try {
    return parseExact(body.toString('utf8')) as Json;
  } catch {
    return undefined; // compared as it is: absent
  }
}

function dig(value: Json | undefined, path: string): string {
  let found = value;
  for (const part of path.split('.')) {
    if (typeof found !== 'object' || found === null) return '';
    found = (found as { readonly [key: string]: Json })[part];
  }
  return found === undefined || found === null ? '' : String(found);
}

async function makeNamespace(server: GoldenServer, ns: string): Promise<void> {
  const json = { accept: 'application/json', 'content-type': 'application/json' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } };
  const { code, body } = await server.send('POST', '/api/v1/namespaces', encode(namespace), json);
  if (code !== 201) throw new Error(`cannot create namespace ${ns}: ${code} ${body.toString('utf8', 0, 200)}`);
  const accounts = `/api/v1/namespaces/${ns}/serviceaccounts`;
  for (let tries = 0; tries < NAMESPACE_TRIES; tries++) {
    if ((await server.send('GET', `${accounts}/default`)).code === 200) return;
    if (tries === TRIES_BEFORE_HELP) {
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
      await server.send('POST', accounts, encode(account), json);
    } else await sleep(NAMESPACE_PAUSE_MS);
  }
  throw new Error(`namespace ${ns} has no default service account`);
}
