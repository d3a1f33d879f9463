import { metaSchema } from '#machinery/schema/facts.ts';
import { internalError, StatusError } from '#machinery/status.ts';
import type { Status } from '#machinery/types/meta-v1.ts';
import { plainForm } from '../answers/form.ts';
import type { Answer, AnswerHeaders } from '../http/exchange.ts';
import { PLAIN_JSON, statusMediaType } from '../negotiation/accept.ts';
import type { Exchange, Layer } from '../request/exchange.ts';

/** Longest text of one Warning header, and of all of them together. Source: RFC 7234; upstream's limits. */
const MAX_WARNING = 256;
const MAX_WARNINGS = 4096;

/** Errors become Status answers; warnings become headers of whatever answer there is. */
export const statusAnswers: Layer = async (exchange, next) => {
  try {
    return withWarnings(exchange, await next());
  } catch (error) {
    const known = error instanceof StatusError ? error : internalError('the request was aborted');
    return withWarnings(exchange, statusAnswer(exchange, known));
  }
};

/** An error in the media type that the client takes. */
export function statusAnswer(exchange: Exchange, error: StatusError): Answer {
  const { request } = exchange;
  const media = statusMediaType(request.header('accept'));
  const form = plainForm('Status', 'v1', metaSchema('Status'), { ...PLAIN_JSON, media });
  const { status } = error;
  const seconds = status.details?.retryAfterSeconds;
  const headers: AnswerHeaders = {
    'content-type': form.contentType,
    'cache-control': 'no-cache, private',
    ...(seconds ? { 'retry-after': String(seconds) } : {}),
  };
  // what a form writes of an object it takes by name: a Status has the members of one
  const part = form.part(
    status as Status & { readonly kind: string; readonly apiVersion: string; readonly metadata: object },
  );
  return { status: error.code, headers, body: form.whole(part.value) };
}

function withWarnings({ warnings }: Exchange, answer: Answer): Answer {
  if (warnings.length === 0) return answer;
  const seen = new Set<string>();
  let total = 0;
  for (const text of warnings) {
    const shown = text.slice(0, warnings.length > 1 ? MAX_WARNING : MAX_WARNINGS);
    total += shown.length;
    if (total > MAX_WARNINGS) break;
    seen.add(`299 - ${JSON.stringify(shown).replaceAll(/[^\x20-\x7e]/g, '?')}`);
  }
  return { ...answer, headers: { ...answer.headers, warning: [...seen] } };
}
