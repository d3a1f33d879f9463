import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import type { CustomResourceDefinitionNames } from '#machinery/types/apiextensions-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isDns1035Label } from '#machinery/validation/names.ts';

export function validateNames(names: CustomResourceDefinitionNames, path: FieldPath): FieldError[] {
  const given = (['plural', 'singular', 'kind', 'listKind'] as const).flatMap((field) =>
    names[field] ? [] : [required(path.at(field))],
  );
  return [
    ...given,
    ...lowerCase(names.plural, path.at('plural')),
    ...lowerCase(names.singular, path.at('singular')),
    ...anyCase(names.kind, path.at('kind')),
    ...anyCase(names.listKind, path.at('listKind')),
    ...eachItem(names.shortNames, path.at('shortNames'), lowerCase),
    ...eachItem(names.categories, path.at('categories'), lowerCase),
    ...(names.kind && names.kind === names.listKind
      ? [invalid(path.at('listKind'), names.listKind, 'kind and listKind may not be the same')]
      : []),
  ];
}

function lowerCase(name: string | undefined, path: FieldPath): FieldError[] {
  const messages = name ? isDns1035Label(name, false) : [];
  return messages.length > 0 ? [invalid(path, name, messages.join(','))] : [];
}

function anyCase(name: string | undefined, path: FieldPath): FieldError[] {
  const messages = name ? isDns1035Label(name.toLowerCase(), false) : [];
  if (messages.length === 0) return [];
  return [invalid(path, name, `may have mixed case, but should otherwise match: ${messages.join(',')}`)];
}
