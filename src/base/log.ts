import { type Logger, pino } from 'pino';

export type { Logger };

/** One logger a process; parts take a child with their name. Writes JSON lines to standard error. */
export function createLogger(part: string, level = 'info'): Logger {
  return pino({ name: part, level, base: null }, pino.destination({ fd: 2, sync: true }));
}
