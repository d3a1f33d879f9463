import type { LabelSelector } from '#machinery/types/meta-v1.ts';
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '#machinery/types/autoscaling-v2.ts';

/** Metrics in the flat form that the annotations of autoscaling/v1 have. The order of members is upstream's. */

interface Flat {
  readonly target?: CrossVersionObjectReference;
  readonly name?: string;
  readonly container?: string;
  readonly metricName?: string;
  readonly metricSelector?: LabelSelector;
  readonly selector?: LabelSelector;
  readonly targetValue?: string;
  readonly targetAverageValue?: string;
  readonly targetAverageUtilization?: number;
  readonly averageValue?: string;
  readonly currentValue?: string;
  readonly currentAverageValue?: string;
  readonly currentAverageUtilization?: number;
}

export interface OldMetric {
  readonly type: string;
  readonly object?: Flat;
  readonly pods?: Flat;
  readonly resource?: Flat;
  readonly containerResource?: Flat;
  readonly external?: Flat;
}

/** Leaves out what is not given. */
function given<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== '')) as T;
}

function reference({ kind, name, apiVersion }: CrossVersionObjectReference): object {
  return given({ kind, name, apiVersion });
}

export function oldMetric({ type, object, pods, resource, containerResource, external }: MetricSpec): object {
  return given({
    type,
    object: object && {
      target: reference(object.describedObject),
      metricName: object.metric.name,
      targetValue: object.target.value ?? '0',
      ...given({ selector: object.metric.selector, averageValue: object.target.averageValue }),
    },
    pods: pods && {
      metricName: pods.metric.name,
      targetAverageValue: pods.target.averageValue ?? '0',
      ...given({ selector: pods.metric.selector }),
    },
    resource: resource && { name: resource.name, ...averages(resource.target) },
    containerResource: containerResource && {
      name: containerResource.name,
      ...averages(containerResource.target),
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric.name,
      ...given({
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
    },
  });
}

function averages({ averageUtilization, averageValue }: MetricTarget): object {
  return given({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue });
}

export function oldStatus({ type, object, pods, resource, containerResource, external }: MetricStatus): object {
  return given({
    type,
    object: object && {
      target: reference(object.describedObject),
      metricName: object.metric.name,
      currentValue: object.current.value ?? '0',
      ...given({ selector: object.metric.selector, averageValue: object.current.averageValue }),
    },
    pods: pods && {
      metricName: pods.metric.name,
      currentAverageValue: pods.current.averageValue ?? '0',
      ...given({ selector: pods.metric.selector }),
    },
    resource: resource && {
      name: resource.name,
      ...given({ currentAverageUtilization: resource.current.averageUtilization }),
      currentAverageValue: resource.current.averageValue ?? '0',
    },
    containerResource: containerResource && {
      name: containerResource.name,
      ...given({ currentAverageUtilization: containerResource.current.averageUtilization }),
      currentAverageValue: containerResource.current.averageValue ?? '0',
      container: containerResource.container,
    },
    external: external && {
      metricName: external.metric.name,
      ...given({ metricSelector: external.metric.selector }),
      currentValue: external.current.value ?? '0',
      ...given({ currentAverageValue: external.current.averageValue }),
    },
  });
}

function identifier(name: string | undefined, selector: LabelSelector | undefined): MetricIdentifier {
  return given({ name: name ?? '', selector }) as MetricIdentifier;
}

function target(value: string | undefined, averageValue: string | undefined): MetricTarget {
  return given({ type: averageValue === undefined ? 'Value' : 'AverageValue', value, averageValue }) as MetricTarget;
}

function resourceTarget({ targetAverageUtilization, targetAverageValue }: Flat): MetricTarget {
  const type = targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization';
  return given({
    type,
    averageUtilization: targetAverageUtilization,
    averageValue: targetAverageValue,
  }) as MetricTarget;
}

export function newMetric({ type, object, pods, resource, containerResource, external }: OldMetric): MetricSpec {
  return given({
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      target: target(object.targetValue, object.averageValue),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    },
    resource: resource && { name: resource.name, target: resourceTarget(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: resourceTarget(containerResource),
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      target: target(external.targetValue, external.targetAverageValue),
    },
  }) as MetricSpec;
}

export function newStatus({ type, object, pods, resource, containerResource, external }: OldMetric): MetricStatus {
  const averages = ({ currentAverageUtilization, currentAverageValue }: Flat) =>
    given({ averageUtilization: currentAverageUtilization, averageValue: currentAverageValue });
  return given({
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      current: given({ value: object.currentValue, averageValue: object.averageValue }),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue },
    },
    resource: resource && { name: resource.name, current: averages(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: averages(containerResource),
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      current: given({ value: external.currentValue, averageValue: external.currentAverageValue }),
    },
  }) as MetricStatus;
}
