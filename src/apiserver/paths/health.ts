import type { Answer } from '../http/exchange.ts';
import type { PathHandler } from './path-handler.ts';

const ENDPOINTS = ['healthz', 'livez', 'readyz'] as const;

type Endpoint = (typeof ENDPOINTS)[number];

/** One thing that must be well. Resolves with undefined, or with the reason why it is not. */
export interface HealthCheck {
  readonly name: string;
  /** Endpoints that ask for it; absent: all. */
  readonly in?: readonly Endpoint[];
  check(): string | undefined | Promise<string | undefined>;
}

/** `/healthz`, `/livez` and `/readyz`, each check below them by its name. Source: "Kubernetes API health endpoints". */
export function healthPaths(checks: readonly HealthCheck[]): readonly PathHandler[] {
  return ENDPOINTS.map((name) =>
    healthPath(
      name,
      checks.filter((check) => check.in?.includes(name) ?? true),
    ),
  );
}

function healthPath(name: string, checks: readonly HealthCheck[]): PathHandler {
  return {
    path: `/${name}`,
    below: true,
    anyMethod: true,
    async handle({ info, request }) {
      const single = info.path.slice(name.length + 2).replace(/\/$/, '');
      const wanted = single ? checks.filter((check) => check.name === single) : checks;
      if (single && wanted.length === 0) return undefined;
      const excluded = new Set(request.query.getAll('exclude').flatMap((names) => names.split(',')));
      const results = await Promise.all(wanted.map((check) => run(check, excluded.has(check.name))));
      const failed = results.some(({ reason }) => reason !== undefined);
      if (single && failed) return text(500, `internal server error: ${results[0]?.reason}\n`);
      if (!failed && (single || !request.query.has('verbose'))) return text(200, 'ok');
      const lines = [...results.map(line), ...unknown(excluded, checks)];
      return text(failed ? 500 : 200, `${lines.join('\n')}\n${name} check ${failed ? 'failed' : 'passed'}\n`);
    },
  };
}

interface Result {
  readonly name: string;
  readonly excluded: boolean;
  /** Why it failed. */
  readonly reason: string | undefined;
}

async function run({ name, check }: HealthCheck, excluded: boolean): Promise<Result> {
  return { name, excluded, reason: excluded ? undefined : await check() };
}

/** Reasons may tell too much to whoever may ask for health: they stay in the log, and with the check's own path. */
function line({ name, excluded, reason }: Result): string {
  if (excluded) return `[+]${name} excluded: ok`;
  return reason === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
}

function unknown(excluded: ReadonlySet<string>, checks: readonly HealthCheck[]): readonly string[] {
  const names = [...excluded].filter((name) => !checks.some((check) => check.name === name)).sort();
  if (names.length === 0) return [];
  const shown = names.map((name) => JSON.stringify(name)).join(', ');
  return [`warn: some health checks cannot be excluded: no matches for ${shown}`];
}

function text(status: number, content: string): Answer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: [Buffer.from(content)],
  };
}
