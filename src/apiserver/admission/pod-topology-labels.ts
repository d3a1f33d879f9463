import type { Draft, KubeObject } from '#machinery/object.ts';
import type { Binding } from '#machinery/types/core-v1.ts';
import { node as nodes } from '#resources/core/node/node.ts';
import type { Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { writtenPod } from './pod-request.ts';

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'] as const;

/**
 * Pods carry the zone and region of their node, so that they can read it through the downward API. On a binding the
 * labels are put on the Binding; who carries it out copies them to the pod. Source: KEP-4742.
 */
export function podTopologyLabels(listers: Listers): AdmissionPlugin {
  const nodesNow = listers(nodes);
  return {
    name: 'PodTopologyLabels',
    admit(request) {
      const [object, name] = target(request);
      const labels = (name && nodesNow.get(name)?.metadata.labels) || {};
      for (const key of LABELS) {
        const value = labels[key];
        if (object && value !== undefined) object.metadata.labels = { ...object.metadata.labels, [key]: value };
      }
    },
  };
}

/** What is labelled, and the name of its node. */
function target(request: AdmissionRequest): readonly [] | readonly [Draft<KubeObject>, string | undefined] {
  const pod = writtenPod(request, ['CREATE']);
  if (pod) return [pod, pod.spec.nodeName];
  const isBinding =
    request.group === '' &&
    request.operation === 'CREATE' &&
    ((request.resource === 'pods' && request.subresource === 'binding') || request.resource === 'bindings');
  if (!isBinding || !request.object) return [];
  const binding = request.object as Draft<Binding>;
  return binding.target?.kind === 'Node' || !binding.target?.kind ? [binding, binding.target?.name] : [];
}
