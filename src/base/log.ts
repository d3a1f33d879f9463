import { type Logger, pino, stdSerializers } from 'pino';

export type { Logger };

/** One logger a process; parts take a child with their name. Writes JSON lines to standard error. */
export function createLogger(part: string, level = 'info'): Logger {
  return pino(
    { name: part, level, base: null, serializers: { err: describe, error: describe } },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** An answer of the API that is an error says all in its message; where it was thrown helps nobody. */
function describe(error: Error): unknown {
  return error.name === 'StatusError' || error.name === 'AbortError' ? error.message : stdSerializers.err(error);
}
