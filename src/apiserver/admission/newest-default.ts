import type { KubeObject } from '#machinery/object.ts';
import { parseTime } from '#machinery/time.ts';

/** Of the objects that an annotation marks as the default, the one made last; among equals the first by name. */
export function newestDefault<T extends KubeObject>(
  objects: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const marked = objects.filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'));
  return [...marked].sort(newestFirst)[0];
}

function newestFirst({ metadata: left }: KubeObject, { metadata: right }: KubeObject): number {
  const age = (parseTime(right.creationTimestamp) ?? 0) - (parseTime(left.creationTimestamp) ?? 0);
  return age || ((left.name ?? '') < (right.name ?? '') ? -1 : 1);
}
