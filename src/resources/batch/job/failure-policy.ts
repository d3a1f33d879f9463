import type { Job, PodFailurePolicyRule } from '#machinery/types/batch-v1.ts';
import type { ContainerStatus, Pod } from '#machinery/types/core-v1.ts';

export interface PolicyMatch {
  readonly action: string;
  /** Why the job fails, for FailJob. */
  readonly message: string;
}

/** The first rule of the job's podFailurePolicy that a failed pod matches. Pure. Source: KEP-3329. */
export function matchFailurePolicy({ spec }: Job, pod: Pod): PolicyMatch | undefined {
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const message = matchExitCodes(rule, index, pod) ?? matchConditions(rule, index, pod);
    if (message !== undefined) return { action: rule.action, message };
  }
  return undefined;
}

function matchExitCodes({ action, onExitCodes }: PodFailurePolicyRule, index: number, pod: Pod): string | undefined {
  if (!onExitCodes) return undefined;
  const { containerName, operator, values } = onExitCodes;
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  const meets = ({ name, state }: ContainerStatus) => {
    const code = state.terminated?.exitCode;
    if (code === undefined || code === 0 || (containerName !== undefined && name !== containerName)) return false;
    return (values ?? []).includes(code) === (operator === 'In');
  };
  const found = statuses.find(meets);
  if (!found) return undefined;
  const where = `${pod.metadata.namespace}/${pod.metadata.name}`;
  return `Container ${found.name} for pod ${where} failed with exit code ${found.state.terminated?.exitCode} matching ${action} rule at index ${index}`;
}

function matchConditions(
  { action, onPodConditions }: PodFailurePolicyRule,
  index: number,
  pod: Pod,
): string | undefined {
  for (const pattern of onPodConditions ?? []) {
    const found = pod.status.conditions?.find(({ type, status }) => type === pattern.type && status === pattern.status);
    if (!found) continue;
    const where = `${pod.metadata.namespace}/${pod.metadata.name}`;
    return `Pod ${where} has condition ${pattern.type} matching ${action} rule at index ${index}`;
  }
  return undefined;
}
