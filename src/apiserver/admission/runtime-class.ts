import { isDeepStrictEqual } from 'node:util';
import { type Draft, draftOf } from '#machinery/object.ts';
import { canonicalQuantity } from '#machinery/quantity.ts';
import type { Pod, Toleration } from '#machinery/types/core-v1.ts';
import type { RuntimeClass } from '#machinery/types/node-v1.ts';
import { runtimeClass } from '#resources/node/runtime-class/runtime-class.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { writtenPod } from './pod-request.ts';
import { refusal } from './refuse.ts';

/** Charges pods with the overhead of their runtime and sends them where it is. Source: "Runtime Class". */
export function runtimeClassAdmission(listers: Listers): AdmissionPlugin {
  const classes = listers(runtimeClass);

  function classOf(request: AdmissionRequest, { spec }: Pod): RuntimeClass | undefined {
    if (!spec.runtimeClassName) return undefined;
    const found = classes.get(spec.runtimeClassName);
    if (!found) throw refusal(request, `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`);
    return found;
  }

  return {
    name: 'RuntimeClass',
    admit(request) {
      const pod = writtenPod(request, ['CREATE']);
      if (!pod) return;
      const found = classOf(request, pod);
      if (!found) return;
      if (found.overhead?.podFixed) {
        if (pod.spec.overhead && !sameOverhead(pod, found)) throw differs(request);
        pod.spec.overhead = { ...found.overhead.podFixed };
      }
      schedule(request, pod, found);
    },
    validate(request) {
      const pod = writtenPod(request, ['CREATE']);
      if (!pod) return;
      const found = classOf(request, pod);
      if (found?.overhead?.podFixed) {
        if (!sameOverhead(pod, found)) throw differs(request);
      } else if (pod.spec.overhead && Object.keys(pod.spec.overhead).length > 0) {
        throw refusal(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      }
    },
  };
}

function differs(request: AdmissionRequest) {
  return refusal(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

function sameOverhead({ spec }: Pod, { overhead }: RuntimeClass): boolean {
  return isDeepStrictEqual(canonical(spec.overhead), canonical(overhead?.podFixed));
}

function canonical(quantities: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(quantities ?? {}).map(([key, value]) => [key, canonicalQuantity(String(value))]),
  );
}

function schedule(request: AdmissionRequest, pod: Draft<Pod>, { scheduling }: RuntimeClass): void {
  if (!scheduling) return;
  const selector = { ...pod.spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = selector[key];
    if (own !== undefined && own !== value) {
      const wanted = `runtimeClass.scheduling.nodeSelector[${key}] = ${value}`;
      throw refusal(request, `conflict: ${wanted}; pod.spec.nodeSelector[${key}] = ${own}`);
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) pod.spec.nodeSelector = selector;
  if (scheduling.tolerations?.length) {
    pod.spec.tolerations = draftOf(mergeTolerations(pod.spec.tolerations ?? [], scheduling.tolerations));
  }
}

/** Both lists, without those that another one includes; of equal ones the first stays. */
function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): readonly Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  all.forEach((toleration, at) => {
    const before = merged.some((other) => includes(other, toleration));
    const after = all
      .slice(at + 1)
      .some((other) => !isDeepStrictEqual({ ...other }, { ...toleration }) && includes(other, toleration));
    if (!before && !after) merged.push(toleration);
  });
  return merged;
}

function includes(wider: Toleration, toleration: Toleration): boolean {
  if (isDeepStrictEqual({ ...wider }, { ...toleration })) return true;
  if ((toleration.key ?? '') !== (wider.key ?? '') && (wider.key || wider.operator !== 'Exists')) return false;
  if ((toleration.effect ?? '') !== (wider.effect ?? '') && wider.effect) return false;
  if (wider.effect === 'NoExecute' && wider.tolerationSeconds !== undefined) {
    if (toleration.tolerationSeconds === undefined || toleration.tolerationSeconds > wider.tolerationSeconds)
      return false;
  }
  if (wider.operator === 'Exists') return true;
  const equals = (operator: string | undefined) => !operator || operator === 'Equal';
  return equals(wider.operator) && equals(toleration.operator) && (wider.value ?? '') === (toleration.value ?? '');
}
