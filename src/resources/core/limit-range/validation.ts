import { duplicate, type FieldError, FieldPath, forbidden, invalid, required } from '#machinery/field-error.ts';
import { approximateValue, compareQuantities, parseQuantity, quantityOf } from '#machinery/quantity.ts';
import type { LimitRange, LimitRangeItem } from '#machinery/types/core-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { containerResourceName } from '../pod/validation/resources.ts';
import { isHugePages, isNative, resourceName } from '../resource-names.ts';

const LIMITS = FieldPath.of('spec', 'limits');
const TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const types = new Set<string>();
  return eachItem(spec?.limits, LIMITS, (item, path) => {
    const errors = validateType(item.type ?? '', path.at('type'));
    if (types.has(item.type)) errors.push(duplicate(path.at('type'), item.type));
    types.add(item.type);
    return [...errors, ...validateItem(item, path)];
  });
}

function validateType(type: string, path: FieldPath): FieldError[] {
  const messages = isQualifiedName(type);
  if (messages.length > 0) return messages.map((message) => invalid(path, type, message));
  if (type.includes('/') || TYPES.includes(type)) return [];
  return [invalid(path, type, 'must be a standard limit type or fully qualified')];
}

type ListField = 'max' | 'min' | 'default' | 'defaultRequest' | 'maxLimitRequestRatio';

function validateItem(item: LimitRangeItem, path: FieldPath): FieldError[] {
  const names = (field: ListField) => validateNames(item, field, path);
  const errors = [...names('max'), ...names('min')];
  const isPod = item.type === 'Pod';
  for (const field of ['default', 'defaultRequest'] as const) {
    if (!isPod) errors.push(...names(field));
    else if (Object.keys(item[field] ?? {}).length > 0) {
      errors.push(forbidden(path.at(field), "may not be specified when `type` is 'Pod'"));
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.['storage'] && !item.max?.['storage']) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(path.at('limits'), detail));
  }
  errors.push(...names('maxLimitRequestRatio'));
  const lists = isPod ? [item.max, item.min] : [item.max, item.min, item.default, item.defaultRequest];
  const keys = new Set([...lists, item.maxLimitRequestRatio].flatMap((list) => Object.keys(list ?? {})));
  return [...errors, ...[...keys].sort().flatMap((key) => validateAmounts(item, key, path))];
}

function validateNames(item: LimitRangeItem, field: ListField, path: FieldPath): FieldError[] {
  const check = item.type === 'Pod' || item.type === 'Container' ? containerResourceName : resourceName;
  return Object.keys(item[field] ?? {})
    .sort()
    .flatMap((name) => check(name, path.at(field).key(name)));
}

/** How the amounts of one resource must stand to each other. */
function validateAmounts(item: LimitRangeItem, key: string, path: FieldPath): FieldError[] {
  const isPod = item.type === 'Pod';
  const [min, max, ratio] = [item.min?.[key], item.max?.[key], item.maxLimitRequestRatio?.[key]];
  const limit = isPod ? undefined : item.default?.[key];
  const request = isPod ? undefined : item.defaultRequest?.[key];
  const errors: FieldError[] = [];
  const notGreater = (
    low: string | undefined,
    high: string | undefined,
    field: ListField,
    text: readonly [string, string],
  ) => {
    if (low === undefined || high === undefined || compareQuantities(parseQuantity(low), parseQuantity(high)) <= 0)
      return;
    errors.push(
      invalid(path.at(field).key(key), low, `${text[0]} value ${low} is greater than ${text[1]} value ${high}`),
    );
  };
  notGreater(min, max, 'min', ['min', 'max']);
  notGreater(min, request, 'defaultRequest', ['min', 'default request']);
  notGreater(request, max, 'defaultRequest', ['default request', 'max']);
  notGreater(request, limit, 'defaultRequest', ['default request', 'default limit']);
  notGreater(min, limit, 'default', ['min', 'default']);
  notGreater(limit, max, 'default', ['default', 'max']);
  if (ratio !== undefined) errors.push(...validateRatio(ratio, min, max, path.at('maxLimitRequestRatio').key(key)));
  const overcommit = isNative(key) && !isHugePages(key);
  if (!overcommit && limit !== undefined && request !== undefined && limit !== request) {
    const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${key}`;
    errors.push(invalid(path.at('defaultRequest').key(key), request, detail));
  }
  return errors;
}

function validateRatio(ratio: string, min: string | undefined, max: string | undefined, path: FieldPath): FieldError[] {
  const value = parseQuantity(ratio);
  const errors: FieldError[] = [];
  if (compareQuantities(value, quantityOf(1)) < 0) errors.push(invalid(path, ratio, `ratio ${ratio} is less than 1`));
  if (min === undefined || max === undefined) return errors;
  const possible = approximateValue(parseQuantity(max)) / approximateValue(parseQuantity(min));
  if (approximateValue(value) > possible) {
    errors.push(invalid(path, ratio, `ratio ${ratio} is greater than max/min = ${possible.toFixed(6)}`));
  }
  return errors;
}
