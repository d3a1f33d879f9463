import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { parseQuantity } from '#machinery/quantity.ts';
import type { MetricIdentifier, MetricSpec, MetricTarget } from '#machinery/types/autoscaling-v2.ts';
import { invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isDnsLabel, isPathSegment } from '#machinery/validation/names.ts';
import { validateObjectReference } from './object-reference.ts';

type SourceName = 'object' | 'external' | 'pods' | 'resource' | 'containerResource';
type Check<Source> = (source: Source, path: FieldPath) => FieldError[];

const FIELD_OF: Readonly<Record<string, SourceName>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
};
const TYPES = Object.keys(FIELD_OF);

/** Every source with its check, in upstream's order: the first one given counts. */
const SOURCES: { readonly [Name in SourceName]: Check<NonNullable<MetricSpec[Name]>> } = {
  object: ({ describedObject, metric, target }, path) => [
    ...validateObjectReference(describedObject ?? {}, path.at('describedObject')),
    ...validateIdentifier(metric, path.at('metric')),
    ...validateTarget(target, path.at('target')),
    ...eitherValue(target, path.at('target')),
  ],
  external: ({ metric, target }, path) => [
    ...validateIdentifier(metric, path.at('metric')),
    ...validateTarget(target, path.at('target')),
    ...eitherValue(target, path.at('target')),
    ...(target?.value !== undefined && target.averageValue !== undefined
      ? [forbidden(path.at('target', 'value'), 'may not set both a target value for metric and a per-pod target')]
      : []),
  ],
  pods: ({ metric, target }, path) => [
    ...validateIdentifier(metric, path.at('metric')),
    ...validateTarget(target, path.at('target')),
    ...(target?.averageValue === undefined
      ? [required(path.at('target', 'averageValue'), 'must specify a positive target averageValue')]
      : []),
  ],
  containerResource: ({ name, container, target }, path) => [
    ...nonEmpty(name, path.at('name'), 'must specify a resource name'),
    ...(container
      ? invalidFor(isDnsLabel(container, false), container, path.at('container'))
      : [required(path.at('container'), 'must specify a container')]),
    ...validateTarget(target, path.at('target')),
    ...valueOrUtilization(target, path.at('target')),
  ],
  resource: ({ name, target }, path) => [
    ...nonEmpty(name, path.at('name'), 'must specify a resource name'),
    ...validateTarget(target, path.at('target')),
    ...valueOrUtilization(target, path.at('target')),
  ],
};

const SOURCE_NAMES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

export function validateMetric(metric: MetricSpec, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const type = path.at('type');
  if (!metric.type) errors.push(required(type, 'must specify a metric source type'));
  if (!TYPES.includes(metric.type)) errors.push(notSupported(type, metric.type ?? '', TYPES));
  const given = SOURCE_NAMES.filter((name) => metric[name] !== undefined && metric[name] !== null);
  const first = given[0];
  // The source stands under the name of its check.
  if (first) errors.push(...(SOURCES[first] as Check<unknown>)(metric[first], path.at(first)));
  const expected = FIELD_OF[metric.type];
  if (!expected) errors.push(notSupported(type, metric.type ?? '', TYPES));
  else if (!given.includes(expected)) {
    errors.push(required(path.at(expected), 'must populate information for the given metric source'));
  }
  if (given.length !== 1) {
    for (const name of given) {
      if (name !== expected) errors.push(forbidden(path.at(name), 'must populate the given metric source only'));
    }
  }
  return errors;
}

function isPositive(quantity: string): boolean {
  return parseQuantity(quantity).nanos > 0n;
}

function validateIdentifier(metric: MetricIdentifier | undefined, path: FieldPath): FieldError[] {
  const name = path.at('name');
  return metric?.name
    ? invalidFor(isPathSegment(metric.name, false), metric.name, name)
    : [required(name, 'must specify a metric name')];
}

function validateTarget(target: MetricTarget | undefined, path: FieldPath): FieldError[] {
  const { type, value, averageValue, averageUtilization } = target ?? {};
  const errors: FieldError[] = [];
  if (!type) errors.push(required(path.at('type'), 'must specify a metric target type'));
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue') {
    errors.push(invalid(path.at('type'), type ?? '', 'must be either Utilization, Value, or AverageValue'));
  }
  if (value !== undefined && !isPositive(value)) errors.push(invalid(path.at('value'), value, 'must be positive'));
  if (averageValue !== undefined && !isPositive(averageValue)) {
    errors.push(invalid(path.at('averageValue'), averageValue, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(path.at('averageUtilization'), averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

function eitherValue(target: MetricTarget | undefined, path: FieldPath): FieldError[] {
  if (target?.value !== undefined || target?.averageValue !== undefined) return [];
  return [required(path.at('averageValue'), 'must set either a target value for metric or a per-pod target')];
}

function valueOrUtilization(target: MetricTarget | undefined, path: FieldPath): FieldError[] {
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) {
    return [required(path.at('averageUtilization'), 'must set either a target raw value or a target utilization')];
  }
  return averageUtilization !== undefined && averageValue !== undefined
    ? [forbidden(path.at('averageValue'), 'may not set both a target raw value and a target utilization')]
    : [];
}
