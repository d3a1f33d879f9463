import { ageColumn, type Cell, type Column, column, nameColumn, wideColumn } from '#machinery/resource/columns.ts';
import type { Container, ContainerStatus, Pod } from '#machinery/types/core-v1.ts';

/** Columns of `kubectl get pods`. The ages inside the Restarts cell are those of the moment it is rendered. */
export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', (pod) => {
    const { ready, total } = readyContainers(pod);
    return `${ready}/${total}`;
  }),
  column('Status', podReason),
  column('Restarts', restartsCell),
  ageColumn,
  wideColumn('IP', (pod) => pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>'),
  wideColumn('Node', (pod) => pod.spec.nodeName || '<none>'),
  wideColumn('Nominated Node', (pod) => pod.status?.nominatedNodeName || '<none>'),
  wideColumn('Readiness Gates', readinessGates),
];

function isSidecar(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

function sidecarNames(pod: Pod): ReadonlySet<string> {
  return new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
}

function readyContainers(pod: Pod): { readonly ready: number; readonly total: number } {
  const sidecars = sidecarNames(pod);
  const total = (pod.spec.containers ?? []).length + sidecars.size;
  const readySidecars = (pod.status?.initContainerStatuses ?? []).filter(
    (status) => sidecars.has(status.name) && status.ready,
  ).length;
  const ready = (pod.status?.containerStatuses ?? []).filter((status) => status.ready && status.state?.running).length;
  return { ready: ready + readySidecars, total };
}

function exitReason(state: { readonly signal?: number; readonly exitCode: number; readonly reason?: string }): string {
  if (state.reason) return state.reason;
  return state.signal ? `Signal:${state.signal}` : `ExitCode:${state.exitCode}`;
}

/** The init container that holds the pod up, as `Init:...`; undefined once all are through. */
function initReason(pod: Pod): string | undefined {
  const inits = pod.spec.initContainers ?? [];
  const byName = new Map(inits.map((container) => [container.name, container]));
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar(byName.get(status.name)) && status.started) continue;
    if (terminated) return `Init:${exitReason(terminated)}`;
    if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
    return `Init:${index}/${inits.length}`;
  }
  return undefined;
}

function containerReason(statuses: readonly ContainerStatus[], before: string): { reason: string; running: boolean } {
  let reason = before;
  let running = false;
  for (const { state, ready } of [...statuses].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason;
    else if (state?.terminated) reason = exitReason(state.terminated);
    else if (ready && state?.running) running = true;
  }
  return { reason, running };
}

function isReady(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** One word for how a pod is: its phase, or the reason of the container that says most. */
export function podReason(pod: Pod): string {
  const status = pod.status ?? {};
  let reason = status.reason || status.phase || '';
  const gated = (status.conditions ?? []).some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  if (gated) reason = 'SchedulingGated';
  const initialized = (status.conditions ?? []).some(({ type, status }) => type === 'Initialized' && status === 'True');
  const initializing = initReason(pod);
  if (initializing) reason = initializing;
  if (!initializing || initialized) {
    const found = containerReason(status.containerStatuses ?? [], reason);
    reason = found.reason;
    if (reason === 'Completed' && found.running) reason = isReady(pod) ? 'Running' : 'NotReady';
  }
  if (!pod.metadata.deletionTimestamp) return reason;
  if (status.reason === 'NodeLost') return 'Unknown';
  return status.phase === 'Succeeded' || status.phase === 'Failed' ? reason : 'Terminating';
}

function restartsCell(pod: Pod): Cell {
  const sidecars = sidecarNames(pod);
  const inits = pod.status?.initContainerStatuses ?? [];
  const initialized = (pod.status?.conditions ?? []).some(
    ({ type, status }) => type === 'Initialized' && status === 'True',
  );
  const counted =
    initReason(pod) && !initialized
      ? inits
      : [...inits.filter(({ name }) => sidecars.has(name)), ...(pod.status?.containerStatuses ?? [])];
  const restarts = counted.reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
  const ends = counted.flatMap(({ lastState }) => lastState?.terminated?.finishedAt ?? []).sort();
  const last = ends.at(-1);
  if (restarts === 0 || !last) return String(restarts);
  return { since: last, before: `${restarts} (`, after: ' ago)' };
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) =>
    (pod.status?.conditions ?? []).some(({ type, status }) => type === conditionType && status === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
