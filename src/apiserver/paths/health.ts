import type { Answer } from '../http/exchange.ts';
import type { PathHandler } from '../registry/paths.ts';

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
    async handle({ info, request }) {
      const single = info.path.slice(name.length + 2).replace(/\/$/, '');
      const wanted = single ? checks.filter((check) => check.name === single) : checks;
      if (single && wanted.length === 0) return undefined;
      const excluded = new Set(request.query.getAll('exclude'));
      const results = await Promise.all(
        wanted.map(async (check) => ({
          name: check.name,
          excluded: excluded.has(check.name),
          reason: excluded.has(check.name) ? undefined : await check.check(),
        })),
      );
      const failed = results.some(({ reason }) => reason !== undefined);
      if (!failed && !request.query.has('verbose')) return text(200, 'ok');
      const lines = results.map((result) => line(result));
      return text(failed ? 500 : 200, `${lines.join('\n')}\n${name} check ${failed ? 'failed' : 'passed'}\n`);
    },
  };
}

function line({ name, excluded, reason }: { name: string; excluded: boolean; reason: string | undefined }): string {
  if (excluded) return `[+]${name} excluded: ok`;
  return reason === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
}

function text(status: number, content: string): Answer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: [Buffer.from(content)],
  };
}
