import type { LifecycleHandler } from '#machinery/types/core-v1.ts';
import type { AnyContainer } from '../containers/containers.ts';
import { execAction, httpAction, type Target } from '../probes/handlers.ts';
import type { PodContext } from './pod-context.ts';

export interface HookTarget {
  readonly container: AnyContainer;
  readonly containerId: string;
  readonly podIp: string;
}

const USER_AGENT = 'kube-lifecycle/1.36';

/**
 * Runs a lifecycle hook until it is done or `timeoutMs` is over; throws where it fails. A preStop hook gets what is
 * left of the grace period. Source: "Container Lifecycle Hooks".
 */
export async function runHook(
  context: Pick<PodContext, 'runtime' | 'clock'>,
  handler: LifecycleHandler,
  target: HookTarget,
  timeoutMs: number,
): Promise<void> {
  const full: Target = { ...target, timeoutMs, userAgent: USER_AGENT };
  if (handler.sleep) return context.clock.sleep(Math.min(Number(handler.sleep.seconds) * 1000, timeoutMs));
  if (handler.exec) {
    const { result, message } = await execAction(context.runtime, handler.exec, full);
    if (result === 'success') return;
    throw new Error(
      `Exec lifecycle hook (${JSON.stringify(handler.exec.command ?? [])}) for Container "${target.container.name}" failed - ${message}`,
    );
  }
  if (handler.httpGet) {
    const { result, message } = await httpAction(handler.httpGet, full);
    if (result === 'success' || result === 'warning') return;
    throw new Error(
      `HTTP lifecycle hook (${handler.httpGet.path ?? '/'}) for Container "${target.container.name}" failed - ${message}`,
    );
  }
}
