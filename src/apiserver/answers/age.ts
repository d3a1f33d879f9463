const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Go's longest duration, 2^63 nanoseconds: what is longer ago is shown as that. */
const MAX_MS = 2 ** 63 / 1e6;

/** How long ago `since` was, as kubectl shows ages: two units at most, fewer the longer it is. */
export function showAge(since: number | undefined, now: number): string {
  if (since === undefined) return '<unknown>';
  return showDuration(Math.max(-MAX_MS, Math.min(now - since, MAX_MS)));
}

/** A duration for people: `45s`, `3m20s`, `15m`, `2h10m`, `20h`, `3d4h`, `40d`, `2y30d`, `9y`. */
export function showDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(ms / MINUTE);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(ms / HOUR);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(ms / DAY);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 2 * 365) return `${days}d`;
  const years = Math.trunc(ms / YEAR);
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
