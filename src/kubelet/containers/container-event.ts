import type { Pod } from '#machinery/types/core-v1.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import type { AnyContainer } from './containers.ts';

/** Tells users what happened to a container, naming it in the way `kubectl describe` shows. */
export function containerEvent(
  { events }: { readonly events: EventRecorder },
  pod: Pod,
  container: AnyContainer,
  event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string },
): void {
  const { uid = '', name = '', namespace = '', resourceVersion = '' } = pod.metadata;
  const regarding = {
    kind: 'Pod',
    apiVersion: 'v1',
    uid,
    name,
    namespace,
    resourceVersion,
    fieldPath: `spec.${listOf(pod, container)}{${container.name}}`,
  };
  events.record(regarding, event);
}

function listOf(pod: Pod, { name }: AnyContainer): string {
  if ((pod.spec.initContainers ?? []).some((container) => container.name === name)) return 'initContainers';
  if ((pod.spec.ephemeralContainers ?? []).some((container) => container.name === name)) return 'ephemeralContainers';
  return 'containers';
}
