import type { PodManager } from '../pods/pod-manager.ts';

/** The few numbers of a node that upstream's tools look for, in Prometheus' text form. */
export function nodeMetrics(manager: PodManager): string {
  const workers = [...manager.workers.values()];
  const running = workers.filter((worker) => worker.state?.sandboxes.some((sandbox) => sandbox.ready)).length;
  const containers = new Map<string, number>();
  for (const worker of workers)
    for (const run of worker.state?.containers ?? []) containers.set(run.state, (containers.get(run.state) ?? 0) + 1);
  const memory = process.memoryUsage.rss();
  return [
    '# HELP kubelet_running_pods Number of pods that have a running pod sandbox',
    '# TYPE kubelet_running_pods gauge',
    `kubelet_running_pods ${running}`,
    '# HELP kubelet_running_containers Number of containers currently running',
    '# TYPE kubelet_running_containers gauge',
    ...[...containers].map(([state, count]) => `kubelet_running_containers{container_state="${state}"} ${count}`),
    '# HELP process_resident_memory_bytes Resident memory size in bytes.',
    '# TYPE process_resident_memory_bytes gauge',
    `process_resident_memory_bytes ${memory}`,
    '',
  ].join('\n');
}
