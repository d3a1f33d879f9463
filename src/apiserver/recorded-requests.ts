import { readFileSync } from 'node:fs';
import { manifest } from '#resources/manifest.ts';
import type { User } from './admission/admission.ts';

/** Reads the recorded requests of test/golden for tests that replay them against a part of the server alone. */

export interface Step {
  readonly request: Readonly<Record<string, unknown>> & {
    readonly body?: Record<string, unknown>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly query?: string;
    readonly type?: string;
  };
  readonly response?: {
    readonly code: number;
    /** How many Warning headers. */
    readonly warnings?: number;
    readonly body?: { readonly status?: unknown; readonly details?: unknown };
  };
}

export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
}

export const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
export const NAMESPACE = 'recorded';

export function scenarios(file: string): readonly Scenario[] {
  const url = new URL(`../../test/golden/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8').replaceAll('$ns', NAMESPACE));
}

export interface Target {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
}

export function parsePath(path: string): Target | undefined {
  const parts = path.split('/').filter(Boolean);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const [group, version] = core ? ['', parts[1]] : [parts[1], parts[2]];
  let rest = parts.slice(core ? 2 : 3);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [resource, name = '', ...more] = rest;
  if (!resource || !version) return undefined;
  if (resource === 'namespaces') namespace = name;
  return { group: group ?? '', version, namespace, resource, name, subresource: more[0] ?? '' };
}

export function userOf({ headers = {} }: Step['request']): User | undefined {
  const name = headers['Impersonate-User'];
  if (!name) return undefined;
  const groups = (headers['Impersonate-Group'] ?? '')
    .split(',')
    .map((group) => group.trim())
    .filter(Boolean);
  const account = /^system:serviceaccount:([^:]+):/.exec(name);
  if (account && groups.length === 0) groups.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  const anonymous = name === 'system:anonymous';
  return { name, groups: [...groups, anonymous ? 'system:unauthenticated' : 'system:authenticated'] };
}

export function kindOf({ group, resource }: Target): string | undefined {
  return manifest.find((each) => each.group === group && each.plural === resource)?.kind;
}
