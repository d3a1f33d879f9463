import { StatusError } from '#machinery/status.ts';
import type { Answer } from '../http/exchange.ts';
import type { Exchange, Layer } from '../request/exchange.ts';
import { isLongRunning } from '../request/exchange.ts';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Counts and times requests. A watch ends when its body does. */
export const measure: Layer = async (exchange, next) => {
  const { server, request } = exchange;
  const labels = labelsOf(exchange);
  const started = server.ioClock.now();
  const longRunning = isLongRunning(exchange.info);
  const kind = READS.has(request.method) ? 'readOnly' : 'mutating';
  server.metrics.started(labels, longRunning, kind);
  const finish = (code: number) =>
    server.metrics.finished(labels, {
      code,
      seconds: (server.ioClock.now() - started) / 1000,
      longRunning,
      kind,
      dryRun: request.query.has('dryRun'),
    });
  try {
    const answer = await next();
    if (typeof answer.body === 'function') return withEnd(answer, answer.body, () => finish(answer.status));
    finish(answer.status);
    return answer;
  } catch (error) {
    finish(error instanceof StatusError ? error.code : 500);
    throw error;
  }
};

function withEnd(
  answer: Answer,
  body: Extract<Answer['body'], (...args: never[]) => unknown>,
  ended: () => void,
): Answer {
  return {
    ...answer,
    async body(sink) {
      try {
        await body(sink);
      } finally {
        ended();
      }
    },
  };
}

function labelsOf({ info }: Exchange) {
  const { isResource, verb, group, version, resource, subresource, name, namespace } = info;
  const scope = !isResource ? '' : name ? 'resource' : namespace ? 'namespace' : 'cluster';
  return { verb: verbLabel(verb), group, version, resource, subresource, scope, component: 'apiserver' };
}

function verbLabel(verb: string): string {
  const names: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT', patch: 'PATCH' };
  return names[verb] ?? verb.toUpperCase();
}
