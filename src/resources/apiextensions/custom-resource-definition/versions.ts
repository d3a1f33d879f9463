import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '#machinery/types/apiextensions-v1.ts';
import { eachItem, nonEmpty } from '#machinery/validation/basics.ts';
import { isDns1035Label } from '#machinery/validation/names.ts';

const MAX_WARNING = 256;
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['int32', 'int64', 'float', 'double', 'byte', 'date', 'date-time', 'password'];

export function validateVersions(spec: CustomResourceDefinitionSpec, path: FieldPath): FieldError[] {
  const versions = spec.versions ?? [];
  const at = path.at('versions');
  const names = versions.map(({ name }) => name);
  const errors: FieldError[] = [];
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalid(at, versions, 'must have exactly one version marked as storage version'));
  }
  if (new Set(names).size !== names.length) errors.push(invalid(at, versions, 'must contain unique version names'));
  const wrongFirst = names[0] ? isDns1035Label(names[0], false) : [];
  if (wrongFirst.length > 0) errors.push(invalid(path.at('version'), names[0], wrongFirst.join(',')));
  return [
    ...errors,
    ...eachItem(versions, at, validateVersion),
    ...validateColumns(versions, path),
    ...validateScales(versions, path),
  ];
}

function validateVersion(version: CustomResourceDefinitionVersion, path: FieldPath): FieldError[] {
  const messages = isDns1035Label(version.name ?? '', false);
  const why = wrongWarning(version);
  return [
    ...(messages.length > 0 ? [invalid(path.at('name'), version.name ?? '', messages.join(','))] : []),
    ...(why ? [invalid(path.at('deprecationWarning'), version.deprecationWarning, why)] : []),
    ...(version.schema?.openAPIV3Schema
      ? []
      : [required(path.at('schema', 'openAPIV3Schema'), 'schemas are required')]),
  ];
}

function wrongWarning({ deprecated, deprecationWarning: text }: CustomResourceDefinitionVersion): string | undefined {
  if (text === undefined) return undefined;
  if (!deprecated) return 'can only be set for deprecated versions';
  if (text === '') return 'must not be an empty string';
  if (text.length > MAX_WARNING) return `must be <= ${MAX_WARNING} characters long`;
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(text))
    return 'must only contain printable UTF-8 characters; non-printable character found';
  return undefined;
}

/** Whether all versions say the same of something; the server then keeps it once, and names it there. */
function sameInAll<T>(values: readonly T[]): boolean {
  return values.every((value) => semanticEqual(value, values[0]));
}

/** What all versions say alike is checked once, at the spec itself. */
function validateColumns(versions: readonly CustomResourceDefinitionVersion[], path: FieldPath): FieldError[] {
  if (sameInAll(versions.map(({ additionalPrinterColumns }) => additionalPrinterColumns))) {
    return eachItem(versions[0]?.additionalPrinterColumns, path.at('additionalPrinterColumns'), validateColumn);
  }
  return eachItem(versions, path.at('versions'), ({ additionalPrinterColumns }, at) =>
    eachItem(additionalPrinterColumns, at.at('additionalPrinterColumns'), validateColumn),
  );
}

function validateColumn(
  { name, type, format, jsonPath }: CustomResourceColumnDefinition,
  path: FieldPath,
): FieldError[] {
  const types = `must be one of ${COLUMN_TYPES.join(',')}`;
  const errors = nonEmpty(name, path.at('name'));
  if (!type) errors.push(required(path.at('type'), types));
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(path.at('type'), type, types));
  if (format && !COLUMN_FORMATS.includes(format)) {
    errors.push(invalid(path.at('format'), format, `must be one of ${COLUMN_FORMATS.join(',')}`));
  }
  if (!jsonPath) errors.push(required(path.at('JSONPath')));
  else if (!jsonPath.startsWith('.')) {
    errors.push(invalid(path.at('JSONPath'), jsonPath, 'must be a simple json path starting with .'));
  }
  return errors;
}

function validateScales(versions: readonly CustomResourceDefinitionVersion[], path: FieldPath): FieldError[] {
  const check = (scale: CustomResourceSubresourceScale | undefined, at: FieldPath) =>
    scale ? validateScale(scale, at) : [];
  if (sameInAll(versions.map(({ subresources }) => subresources))) {
    return check(versions[0]?.subresources?.scale, path.at('subresources', 'scale'));
  }
  return eachItem(versions, path.at('versions'), ({ subresources }, at) =>
    check(subresources?.scale, at.at('subresources', 'scale')),
  );
}

function validateScale(scale: CustomResourceSubresourceScale, path: FieldPath): FieldError[] {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return [
    ...(specReplicasPath
      ? under(specReplicasPath, ['.spec.'], path.at('specReplicasPath'))
      : [required(path.at('specReplicasPath'))]),
    ...(statusReplicasPath
      ? under(statusReplicasPath, ['.status.'], path.at('statusReplicasPath'))
      : [required(path.at('statusReplicasPath'))]),
    ...(labelSelectorPath ? under(labelSelectorPath, ['.spec.', '.status.'], path.at('labelSelectorPath')) : []),
  ];
}

const SIMPLE_PATH = /^(\.[^.\s]+)+$/;

/** A path of plain field names under one of the given fields. */
function under(text: string, prefixes: readonly string[], path: FieldPath): FieldError[] {
  if (!SIMPLE_PATH.test(text)) return [invalid(path, text, 'must be a simple json path starting with .')];
  if (prefixes.some((prefix) => text.startsWith(prefix))) return [];
  const names = prefixes.map((prefix) => prefix.slice(0, -1)).join(' or ');
  return [invalid(path, text, `should be a json path under ${names}`)];
}
