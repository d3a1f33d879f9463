import type { Toleration } from '#machinery/types/core-v1.ts';
import type { AdmissionPlugin } from './admission.ts';
import { writtenPod } from './pod-request.ts';

const SECONDS = 300;
const KEYS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods stay five minutes on a node that is lost, unless they say otherwise. Source: "Taints and Tolerations". */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(request) {
    const pod = writtenPod(request, ['CREATE', 'UPDATE']);
    if (!pod) return;
    const there = pod.spec.tolerations ?? [];
    const missing = KEYS.filter((key) => !there.some((toleration) => tolerates(toleration, key)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS }));
    pod.spec.tolerations = [...there, ...added];
  },
};

function tolerates({ key, effect }: Toleration, wanted: string): boolean {
  return (!key || key === wanted) && (!effect || effect === 'NoExecute');
}
