import type { Draft } from '#machinery/object.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import type { PriorityClass } from '#machinery/types/scheduling-v1.ts';
import { priorityClass, SYSTEM_PRIORITIES } from '#resources/scheduling/priority-class/priority-class.ts';
import type { Lister, Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { writtenPod } from './pod-request.ts';
import { refusal } from './refuse.ts';

/** Turns a pod's class into its priority, and keeps the rules of classes. Source: "Pod Priority and Preemption". */
export function priorityAdmission(listers: Listers): AdmissionPlugin {
  const classes = listers(priorityClass);
  return {
    name: 'Priority',
    admit(request) {
      const pod = writtenPod(request, ['CREATE', 'UPDATE']);
      if (!pod) return;
      if (request.operation === 'CREATE') resolve(request, pod, classes);
      else keep(pod, request.oldObject as Pod | undefined);
    },
    validate(request) {
      const isClass = request.group === 'scheduling.k8s.io' && request.resource === 'priorityclasses';
      if (!isClass || request.subresource) return;
      if (request.operation === 'DELETE') return keepSystemClass(request);
      onlyOneDefault(request, request.object as PriorityClass | undefined, classes);
    },
  };
}

function resolve(request: AdmissionRequest, pod: Draft<Pod>, classes: Lister<PriorityClass>): void {
  const name = pod.spec.priorityClassName;
  const found = name ? classes.get(name) : globalDefault(classes);
  if (name && !found) throw refusal(request, `no PriorityClass with name ${name} was found`);
  if (!name && found?.metadata.name) pod.spec.priorityClassName = found.metadata.name;
  const priority = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  const tail = 'from the given PriorityClass name';
  if (pod.spec.priority !== undefined && pod.spec.priority !== priority) {
    const given = `the integer value of priority (${pod.spec.priority})`;
    const why = `${given} must not be provided in pod spec; priority admission controller computed ${priority} ${tail}`;
    throw refusal(request, why);
  }
  if (pod.spec.preemptionPolicy !== undefined && pod.spec.preemptionPolicy !== policy) {
    const given = `the string value of PreemptionPolicy (${pod.spec.preemptionPolicy})`;
    const why = `${given} must not be provided in pod spec; priority admission controller computed ${policy} ${tail}`;
    throw refusal(request, why);
  }
  pod.spec.priority = priority;
  pod.spec.preemptionPolicy = policy;
}

/** Clients that know nothing of these fields must not remove them. */
function keep(pod: Draft<Pod>, old: Pod | undefined): void {
  if (pod.spec.priority === undefined && old?.spec.priority !== undefined) pod.spec.priority = old.spec.priority;
  if (pod.spec.preemptionPolicy === undefined && old?.spec.preemptionPolicy !== undefined) {
    pod.spec.preemptionPolicy = old.spec.preemptionPolicy;
  }
}

/** Two may exist after a race: the lower value is the safer one. */
function globalDefault(classes: Lister<PriorityClass>): PriorityClass | undefined {
  return classes
    .list()
    .filter((item) => item.globalDefault)
    .reduce<PriorityClass | undefined>((best, item) => (!best || item.value < best.value ? item : best), undefined);
}

function onlyOneDefault(
  request: AdmissionRequest,
  written: PriorityClass | undefined,
  classes: Lister<PriorityClass>,
): void {
  if (!written?.globalDefault) return;
  const other = globalDefault(classes);
  if (other && other.metadata.name !== written.metadata.name) {
    throw refusal(request, `PriorityClass ${other.metadata.name} is already marked as globalDefault`);
  }
}

function keepSystemClass(request: AdmissionRequest): void {
  if (Object.hasOwn(SYSTEM_PRIORITIES, request.name)) {
    throw refusal(request, 'this is a system priority class and cannot be deleted');
  }
}
