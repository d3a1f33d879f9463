import { type FieldError, FieldPath, forbidden, invalid } from '#machinery/field-error.ts';
import { type Draft, draftOf } from '#machinery/object.ts';
import type { SubresourceStrategy } from '#machinery/resource/definition.ts';
import type { Container, ContainerStatus, Pod } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, nonNegative } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { isValidIp } from '#machinery/validation/net.ts';
import { isNodeName } from '../node/node-name.ts';
import { validateStatusDetails } from './container-statuses.ts';

const STATUS = FieldPath.of('status');

/** Writes through `status` are the kubelet's: spec and owners stay, what has ended stays ended. */
export const podStatus: SubresourceStrategy<Pod> = {
  prepareForUpdate(draft, old) {
    draft.spec = draftOf(old.spec);
    if (old.metadata.ownerReferences) draft.metadata.ownerReferences = draftOf(old.metadata.ownerReferences);
    else delete draft.metadata.ownerReferences;
    keepQosClass(draft, old);
    if (old.spec.nodeName) delete draft.status?.nominatedNodeName; // it was only ever a hope
  },
  validateUpdate(pod, old) {
    return [
      ...validateNominatedNode(pod),
      ...validateTransitions(pod, old),
      ...validateQosClass(pod, old),
      ...validateIps(pod),
      ...validateConditions(pod),
      ...validateHostIp(pod),
      ...validateStatusDetails(pod),
    ];
  },
};

function keepQosClass(draft: Draft<Pod>, old: Pod): void {
  draft.status ??= {};
  if (!draft.status.qosClass && old.status?.qosClass) draft.status.qosClass = old.status.qosClass;
}

function validateNominatedNode({ status }: Pod): FieldError[] {
  const name = status?.nominatedNodeName;
  return name ? invalidFor(isNodeName(name, false), name, STATUS.at('nominatedNodeName')) : [];
}

function validateQosClass({ status }: Pod, old: Pod): FieldError[] {
  const before = old.status?.qosClass;
  if (!before || status?.qosClass === before) return [];
  return [invalid(STATUS.at('qosClass'), status?.qosClass ?? '', 'field is immutable')];
}

const LISTS = ['containerStatuses', 'initContainerStatuses'] as const;

/** A container that has ended and is not to be restarted cannot come back. */
function validateTransitions(pod: Pod, old: Pod): FieldError[] {
  const { restartPolicy } = pod.spec;
  const errors: FieldError[] = [];
  for (const list of LISTS) {
    const path = STATUS.at(list);
    const now = pod.status?.[list] ?? [];
    for (const before of old.status?.[list] ?? []) {
      const container = containerOf(pod, list, before.name);
      const policy = container?.restartPolicy ?? restartPolicy;
      if (container && rulesAllowReturn(container, before.state?.terminated?.exitCode ?? 0)) continue;
      if (policy === 'Always' || !mayNotReturn(before, policy, list)) continue;
      const index = now.findIndex(({ name }) => name === before.name);
      const current = now[index];
      if (!current || current.state?.terminated) continue;
      errors.push(forbidden(path.index(index).at('state'), 'may not be transitioned to non-terminated state'));
    }
  }
  return errors;
}

/** Whether one of the container's own rules restarts it after this exit code. Source: KEP-5307. */
function rulesAllowReturn({ restartPolicyRules }: Container, exitCode: number): boolean {
  return (restartPolicyRules ?? []).some(({ exitCodes }) => {
    const listed = (exitCodes?.values ?? []).includes(exitCode);
    return exitCodes?.operator === 'In' ? listed : exitCodes?.operator === 'NotIn' && !listed;
  });
}

function containerOf(pod: Pod, list: (typeof LISTS)[number], name: string): Container | undefined {
  const containers = list === 'containerStatuses' ? pod.spec.containers : pod.spec.initContainers;
  return (containers ?? []).find((container) => container.name === name);
}

function mayNotReturn(status: ContainerStatus, policy: string | undefined, list: (typeof LISTS)[number]): boolean {
  const ended = status.state?.terminated;
  if (!ended) return false;
  return policy === 'Never' || ended.exitCode === 0 || (list === 'initContainerStatuses' && policy !== 'OnFailure');
}

function validateHostIp({ status }: Pod): FieldError[] {
  const first = status?.hostIPs?.[0];
  if (!first || first.ip === (status?.hostIP ?? '')) return [];
  return [invalid(STATUS.at('hostIPs').index(0).at('ip'), first.ip, 'must be equal to `hostIP`')];
}

function validateConditions({ status }: Pod): FieldError[] {
  return [
    ...nonNegative(status?.observedGeneration, STATUS.at('observedGeneration')),
    ...eachItem(status?.conditions, STATUS.at('conditions'), ({ type, observedGeneration }, at) => [
      ...invalidFor(isQualifiedName(type ?? ''), type ?? '', at.at('Type')),
      ...nonNegative(observedGeneration, at.at('observedGeneration')),
    ]),
  ];
}

/** The first of a pod's addresses is the one; the rest must be of other families. */
function validateIps({ status }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['podIPs', 'hostIPs'] as const) {
    const ips = status?.[list] ?? [];
    const path = STATUS.at(list);
    errors.push(...ips.flatMap(({ ip }, index) => isValidIp(ip ?? '', path.index(index))));
    if (ips.length > 1) {
      const families = ips.map(({ ip }) => (ip?.includes(':') ? 6 : 4));
      if (ips.length > 2 || families[0] === families[1]) {
        errors.push(invalid(path, ips, 'may specify no more than one IP for each IP family'));
      }
    }
  }
  return errors;
}
