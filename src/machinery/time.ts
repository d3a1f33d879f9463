/** Times of the API. Source: API conventions, "Times"; meta/v1 Time and MicroTime; RFC 3339. */

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;
const MICRO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[.,]\d{6}(?:Z|[+-]\d{2}:\d{2})$/;
const MINUTE_MS = 60_000;

export interface TimeValue {
  /** Whole seconds since the epoch. */
  readonly seconds: number;
  readonly nanos: number;
}

/** Reads an RFC 3339 time; undefined where the text is none. */
export function readTime(text: string): TimeValue | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const offset = offsetMs(match[8] ?? 'Z');
  if (offset === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  date.setUTCHours(hour, minute, second);
  return {
    seconds: (date.getTime() - offset) / 1000,
    nanos: Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')),
  };
}

/** Milliseconds since the epoch of a time of the API; undefined where it is absent or malformed. */
export function parseTime(text: string | null | undefined): number | undefined {
  const time = text ? readTime(text) : undefined;
  return time && time.seconds * 1000 + Math.trunc(time.nanos / 1_000_000);
}

/** `2006-01-02T15:04:05Z`: whole seconds, as metav1.Time is served. */
export function formatTime(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, -5)}Z`;
}

/** `2006-01-02T15:04:05.000000Z`, as metav1.MicroTime is served. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

/** metav1.Time as served for what a client wrote: UTC, whole seconds; undefined where the text is no time. */
export function canonicalTime(text: string): string | undefined {
  const time = readTime(text);
  return time && showTime(time);
}

/** metav1.MicroTime as served; only exactly six digits of a second are taken. */
export function canonicalMicroTime(text: string): string | undefined {
  const time = MICRO.test(text) ? readTime(text) : undefined;
  return time && showMicroTime(time);
}

export function showTime({ seconds }: TimeValue): string {
  return formatTime(seconds * 1000);
}

export function showMicroTime({ seconds, nanos }: TimeValue): string {
  const micros = String(Math.trunc(nanos / 1000)).padStart(6, '0');
  return `${formatTime(seconds * 1000).slice(0, -1)}.${micros}Z`;
}

function offsetMs(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}
