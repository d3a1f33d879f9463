import type { Draft } from '#machinery/object.ts';
import { draftOf } from '#machinery/object.ts';
import { canonicalQuantity, isQuantity } from '#machinery/quantity.ts';
import type { HorizontalPodAutoscaler as AutoscalerV1 } from '#machinery/types/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, MetricSpec } from '#machinery/types/autoscaling-v2.ts';
import { behaviorFromText, behaviorText } from './behavior-text.ts';
import { oldMetric, oldStatus, type OldMetric, newMetric, newStatus } from './old-metrics.ts';

/**
 * autoscaling/v1 knows one target, the CPU. What else v2 says travels in annotations, in the form of an older version,
 * so that a v1 client loses nothing when it writes an object back. Source: autoscaling/v1 and v2 APIs.
 */
const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;

export function convertAutoscalers(
  objects: readonly (HorizontalPodAutoscaler | AutoscalerV1)[],
  version: string,
): readonly (HorizontalPodAutoscaler | AutoscalerV1)[] {
  return objects.map((object) => {
    if (version === 'v1') return object.apiVersion === 'autoscaling/v1' ? object : toV1(object);
    return asV2(object);
  });
}

/** What only v1 needs has no place in v2, whoever wrote it there. */
export function dropOldAnnotations({ metadata }: Draft<HorizontalPodAutoscaler>): void {
  if (metadata.annotations) setAnnotations(metadata, withoutOurs(metadata.annotations));
}

/** The object as v2 has it, whichever version it is in. */
export function asV2(object: HorizontalPodAutoscaler | AutoscalerV1): HorizontalPodAutoscaler {
  return object.apiVersion === 'autoscaling/v2' ? object : toV2(object);
}

function isCpuTarget({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined;
}

function toV1(object: HorizontalPodAutoscaler): AutoscalerV1 {
  const { metadata, spec, status } = draftOf(object);
  const annotations = withoutOurs(metadata.annotations);
  const metrics = spec?.metrics ?? [];
  const others = metrics.filter((metric) => !isCpuTarget(metric));
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(oldMetric));
  if ((status?.currentMetrics ?? []).length > 0) {
    annotations[CURRENT_METRICS] = JSON.stringify((status.currentMetrics ?? []).map(oldStatus));
  }
  if (spec?.behavior) annotations[BEHAVIOR] = behaviorText(spec.behavior);
  if ((status?.conditions ?? []).length > 0) {
    annotations[CONDITIONS] = JSON.stringify(
      (status.conditions ?? []).map(({ type, status: state, lastTransitionTime, reason, message }) => ({
        type,
        status: state,
        lastTransitionTime: lastTransitionTime ?? null,
        ...(reason ? { reason } : {}),
        ...(message ? { message } : {}),
      })),
    );
  }
  setAnnotations(metadata, annotations);
  const { metrics: _, behavior: __, ...keptSpec } = spec ?? {};
  const { conditions: ___, currentMetrics: ____, ...keptStatus } = status ?? {};
  const target = metrics.find(isCpuTarget)?.resource?.target.averageUtilization;
  const current = (status?.currentMetrics ?? []).find(({ resource }) => resource?.name === 'cpu')?.resource?.current;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { ...keptSpec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      ...keptStatus,
      currentReplicas: status?.currentReplicas ?? 0,
      ...(current?.averageUtilization === undefined
        ? {}
        : { currentCPUUtilizationPercentage: current.averageUtilization }),
    },
  } as AutoscalerV1;
}

function toV2(object: AutoscalerV1): HorizontalPodAutoscaler {
  const { metadata, spec, status } = draftOf(object);
  const annotations = metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: target, ...keptSpec } = spec ?? {};
  const { currentCPUUtilizationPercentage: current, ...keptStatus } = status ?? {};
  const metrics: MetricSpec[] = (parsedList(annotations[METRICS]) ?? []).map((each) => newMetric(each as OldMetric));
  if (target !== undefined) {
    const wanted = { type: 'Utilization', averageUtilization: target };
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target: wanted } });
  }
  const currentMetrics = (parsedList(annotations[CURRENT_METRICS]) ?? []).map((each) => newStatus(each as OldMetric));
  if (currentMetrics.length === 0 && current !== undefined) {
    currentMetrics.push({ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } });
  }
  const conditions = parsedList(annotations[CONDITIONS]);
  const behavior = behaviorFromText(annotations[BEHAVIOR]);
  setAnnotations(metadata, withoutOurs(annotations));
  return canonicalQuantities({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { ...keptSpec, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    status: {
      ...keptStatus,
      ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
      ...(conditions ? { conditions } : {}),
    },
  } as HorizontalPodAutoscaler);
}

function withoutOurs(annotations: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const ours = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR];
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !ours.includes(key)));
}

function setAnnotations(
  metadata: Draft<HorizontalPodAutoscaler['metadata']>,
  annotations: Record<string, string>,
): void {
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
  else delete metadata.annotations;
}

/** What a v1 client wrote by hand may be anything; what is no list is left out, as upstream does. */
function parsedList(text: string | undefined): readonly object[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null) ? value : undefined;
  } catch {
    return undefined;
  }
}

const QUANTITIES = ['value', 'averageValue', 'tolerance'];

/** Quantities inside annotations come in any spelling. */
function canonicalQuantities<T>(value: T): T {
  const text = JSON.stringify(value, (key, part: unknown) => {
    if (typeof part === 'bigint') return Number(part);
    return QUANTITIES.includes(key) && typeof part === 'string' && isQuantity(part) ? canonicalQuantity(part) : part;
  });
  return JSON.parse(text) as T;
}
