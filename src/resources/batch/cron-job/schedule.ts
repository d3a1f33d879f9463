/** Whether a text is a schedule, by the rules of the cron library that upstream uses. */

const MACROS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

const DURATION = /^[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/;

export function isCronSchedule(text: string): boolean {
  const zone = /^(?:CRON_)?TZ=(\S*)\s+/.exec(text);
  if (zone?.[1] && !isTimeZone(zone[1])) return false;
  const withoutZone = text.slice(zone?.[0].length ?? 0).trim();
  if (withoutZone.startsWith('@')) {
    if (withoutZone.startsWith('@every ')) return DURATION.test(withoutZone.slice('@every '.length));
    return MACROS.has(withoutZone);
  }
  const parts = withoutZone.split(/\s+/);
  return parts.length === FIELDS.length && FIELDS.every((field, index) => isField(parts[index] ?? '', field));
}

function isField(text: string, field: Field): boolean {
  const parts = text.split(',').filter((part) => part !== '');
  return parts.every((part) => isRange(part, field));
}

function isRange(text: string, field: Field): boolean {
  const [range = '', step, ...more] = text.split('/');
  if (more.length > 0) return false;
  if (step !== undefined && (!/^\d+$/.test(step) || Number(step) === 0)) return false;
  if (range === '*' || range === '?') return true;
  const ends = range.split('-');
  if (ends.length > 2) return false;
  const [from, to] = ends.map((end) => valueOf(end, field));
  if (from === undefined || (ends.length === 2 && to === undefined)) return false;
  return from >= field.min && (to ?? from) <= field.max && from <= (to ?? from);
}

function valueOf(text: string, { min, names }: Field): number | undefined {
  const index = names?.indexOf(text.toLowerCase()) ?? -1;
  if (index >= 0) return index + (names === MONTHS ? min : 0);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Names of the IANA time zone database, in their own spelling. */
export function isTimeZone(name: string): boolean {
  if (/^[+-]|\.\.|\\/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
