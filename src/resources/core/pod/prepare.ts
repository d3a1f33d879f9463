import { type Draft, draftOf } from '#machinery/object.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import { formatTime } from '#machinery/time.ts';
import type { Pod, PodAffinityTerm, PodSpec } from '#machinery/types/core-v1.ts';
import { applyAppArmorAnnotations } from './annotations.ts';
import { qosClassOf } from './qos.ts';

type FeatureOn = WriteContext['featureOn'];

/** A new pod is pending, whatever its author says. */
export function preparePodForCreate(pod: Draft<Pod>, { featureOn, now, warn }: WriteContext): void {
  pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  dropDisabledFields(pod.spec, featureOn);
  if ((pod.spec.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastProbeTime: null,
        lastTransitionTime: formatTime(now),
      } as never, // a time that nobody knows is null in the API
    ];
  }
  selectByLabelKeys(pod);
  for (const text of applyAppArmorAnnotations(pod)) warn(text);
}

/** Removes what belongs to feature gates that are off, unless the stored object has it already. */
export function dropDisabledFields(spec: Draft<PodSpec>, featureOn: FeatureOn, old?: PodSpec): void {
  if (!featureOn('GenericWorkload') && !old?.schedulingGroup) delete spec.schedulingGroup;
  if (!featureOn('ContainerStopSignals')) dropStopSignals(spec);
  for (const { projected } of spec.volumes ?? []) {
    for (const source of projected?.sources ?? []) {
      if (!featureOn('ClusterTrustBundleProjection')) delete source.clusterTrustBundle;
      if (!featureOn('PodCertificateRequest')) delete source.podCertificate;
    }
  }
}

function dropStopSignals(spec: Draft<PodSpec>): void {
  for (const container of [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    const { lifecycle } = container;
    if (lifecycle?.stopSignal === undefined) continue;
    delete lifecycle.stopSignal;
    if (Object.keys(lifecycle).length === 0) delete container.lifecycle;
  }
}

/** The pod's own values of the keys that its terms name are written into their selectors. Source: KEP-3633, KEP-3243. */
function selectByLabelKeys(pod: Draft<Pod>): void {
  const labels = pod.metadata.labels ?? {};
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  for (const affinity of [podAffinity, podAntiAffinity]) {
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        ({ podAffinityTerm }) => podAffinityTerm,
      ),
    ];
    for (const term of terms) selectInTerm(term, labels);
  }
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    addExpressions(constraint, constraint.matchLabelKeys ?? [], 'In', labels);
  }
}

function selectInTerm(term: Draft<PodAffinityTerm>, labels: Readonly<Record<string, string>>): void {
  addExpressions(term, term.matchLabelKeys ?? [], 'In', labels);
  addExpressions(term, term.mismatchLabelKeys ?? [], 'NotIn', labels);
}

function addExpressions(
  holder: Pick<Draft<PodAffinityTerm>, 'labelSelector'>,
  keys: readonly string[],
  operator: 'In' | 'NotIn',
  labels: Readonly<Record<string, string>>,
): void {
  if (!holder.labelSelector) return;
  for (const key of keys) {
    const value = labels[key];
    if (value === undefined) continue;
    holder.labelSelector.matchExpressions ??= [];
    holder.labelSelector.matchExpressions.push({ key, operator, values: [value] });
  }
}

/** Of what was sent about metadata, a subresource takes the precondition and who owns what. */
export function keepMetadata(draft: Draft<Pod>, old: Pod): void {
  const { resourceVersion, managedFields } = draft.metadata;
  draft.metadata = draftOf(old.metadata);
  if (resourceVersion !== undefined) draft.metadata.resourceVersion = resourceVersion;
  if (managedFields) draft.metadata.managedFields = managedFields;
  else delete draft.metadata.managedFields;
}
