import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { kindSchema } from '../schema/facts.ts';
import { StatusError } from '../status.ts';
import { applyJsonPatch, parseJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

interface Step {
  readonly request: {
    readonly post?: string;
    readonly patch?: string;
    readonly query?: string;
    readonly type?: string;
    readonly body?: unknown;
    readonly raw?: string;
  };
  readonly response?: { readonly code: number; readonly body: JsonObject };
}

interface JsonObject {
  readonly [key: string]: unknown;
}

const folder = new URL('../../../test/golden/machinery/', import.meta.url);

/** What the patch alone decides: a refusal without details. All else is decoding, validation or the registry. */
function refusesPatch(response: NonNullable<Step['response']>): boolean {
  return (
    response.body['kind'] === 'Status' && !response.body['details'] && [400, 413, 422, 500].includes(response.code)
  );
}

function apply(step: Step, current: JsonObject): unknown {
  const { type, raw, body } = step.request;
  const text = raw ?? JSON.stringify(body);
  if (type === 'jsonpatch') return applyJsonPatch(current, parseJsonPatch(text));
  if (type === 'merge') return applyMergePatch(current, JSON.parse(text));
  const [group, version] = splitApiVersion(String(current['apiVersion']));
  return applyStrategicMergePatch(current, JSON.parse(text), kindSchema(group, version, String(current['kind'])));
}

function splitApiVersion(apiVersion: string): [string, string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** Defaults may have been added to what the patch gave; nothing else may differ, nor the order of a list. */
function assertCovers(actual: unknown, expected: unknown, path: string): void {
  if (expected === null || expected === undefined) return;
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) || expected.length === 0, path);
    if (!Array.isArray(actual)) return;
    assert.equal(actual.length, expected.length, `${path}: ${JSON.stringify(actual)}`);
    for (const [index, item] of expected.entries()) assertCovers(actual[index], item, `${path}[${index}]`);
  } else if (typeof expected === 'object') {
    if (Object.keys(expected).length === 0 && actual === undefined) return;
    for (const [key, part] of Object.entries(expected)) {
      // A directive in a list that is replaced stays as a field that nobody knows.
      if (key !== '$patch') assertCovers((actual as JsonObject | undefined)?.[key], part, `${path}.${key}`);
    }
  } else assert.deepEqual(actual, expected, path);
}

/** `2.0` stays `2.0` when the body of a request is written again. */
function keepSpelling(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && source !== String(value) ? rawJson(source) : value;
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** What a client decides alone. */
const CLIENT_FIELDS = ['data', 'binaryData', 'spec', 'rules'];

function assertResult(response: JsonObject, result: unknown): void {
  for (const [key, part] of Object.entries(result as JsonObject)) {
    if (CLIENT_FIELDS.includes(key)) assertCovers(response[key], part, `.${key}`);
  }
}

for (const topic of ['json-patch', 'merge-patch', 'strategic-patch']) {
  const scenarios = JSON.parse(readFileSync(new URL(`${topic}.json`, folder), 'utf8'), keepSpelling) as readonly {
    readonly name: string;
    readonly steps: readonly Step[];
  }[];
  for (const scenario of scenarios) {
    test(`${scenario.name}, as the real server does it`, () => {
      const objects = new Map<string, JsonObject>();
      for (const step of scenario.steps) {
        const { response, request } = step;
        if (!response || request.query?.includes('dryRun')) continue;
        const path =
          request.patch ?? `${request.post}/${(request.body as { metadata?: { name: string } })?.metadata?.name}`;
        const object = path.replace(/\/(status|scale|ephemeralcontainers)$/, '');
        const current = objects.get(object);
        if (request.patch && current && !/\/(status|scale|ephemeralcontainers)$/.test(path)) checkStep(step, current);
        if (response.code < 300 && !path.endsWith('/scale')) objects.set(object, response.body);
      }
    });
  }
}

function checkStep(step: Step, current: JsonObject): void {
  const { response, request } = step;
  if (!response) return;
  const shown = request.raw ?? JSON.stringify(request.body).slice(0, 300);
  if (response.code < 300) {
    assertResult(response.body, apply(step, current));
  } else if (
    refusesPatch(response) &&
    /fieldValidation|apiVersion|metadata\/name|"metadata":\{"name|"namespace"|resourceVersion|"metadata":null/.test(
      shown,
    ) === false
  ) {
    assert.throws(
      () => apply(step, current),
      (error) => {
        if (error instanceof SyntaxError) return response.code === 400;
        assert.ok(error instanceof StatusError, String(error));
        assert.equal(error.code, response.code === 500 ? 400 : response.code, shown);
        return true;
      },
      shown,
    );
  }
}
