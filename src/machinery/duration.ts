/** Durations as people read them and as Go writes them. */

const SECOND_MS = 1000;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** An age or a time left, in milliseconds, with one or two units: `95s`, `5m3s`, `2d4h`, `3y12d`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND_MS);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  const minutes = Math.trunc(seconds / MINUTE);
  if (minutes < 10) return two(minutes, 'm', seconds % MINUTE, 's');
  if (minutes < 3 * 60) return `${minutes}m`;
  const hours = Math.trunc(seconds / HOUR);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(seconds / DAY);
  if (hours < 8 * 24) return two(days, 'd', hours % 24, 'h');
  if (hours < 2 * 365 * 24) return `${days}d`;
  const years = Math.trunc(seconds / YEAR);
  if (hours < 8 * 365 * 24) return two(years, 'y', days % 365, 'd');
  return `${years}y`;
}

/** As Go prints a time.Duration: `1h0m0s`, `1.5s`, `300ms`, `0s`. */
export function goDuration(ms: number): string {
  if (ms === 0) return '0s';
  const sign = ms < 0 ? '-' : '';
  const rest = Math.abs(ms);
  if (rest < 0.001) return `${sign}${trim(rest * 1_000_000)}ns`;
  if (rest < 1) return `${sign}${trim(rest * 1000)}µs`;
  if (rest < SECOND_MS) return `${sign}${trim(rest)}ms`;
  const totalSeconds = Math.trunc(rest / SECOND_MS);
  const hours = Math.trunc(totalSeconds / HOUR);
  const minutes = Math.trunc((totalSeconds % HOUR) / MINUTE);
  const seconds = trim((rest - (hours * HOUR + minutes * MINUTE) * SECOND_MS) / SECOND_MS);
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: SECOND_MS,
  m: MINUTE * SECOND_MS,
  h: HOUR * SECOND_MS,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Milliseconds of a Go duration (`1h30m`, `-1.5s`, `0`); undefined where the text is none. */
export function parseGoDuration(text: string): number | undefined {
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  let total = 0;
  let at = 0;
  while (at < unsigned.length) {
    PART.lastIndex = at;
    const match = PART.exec(unsigned);
    if (!match) return undefined;
    total += Number(match[1]) * (UNITS_MS[match[2] ?? ''] ?? 0);
    at = PART.lastIndex;
  }
  if (at === 0) return undefined;
  return text.startsWith('-') ? -total : total;
}

function two(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first}${firstUnit}` : `${first}${firstUnit}${second}${secondUnit}`;
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)));
}
