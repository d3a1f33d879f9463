import { duplicate, type FieldError, type FieldPath, invalid, required, tooLong } from '#machinery/field-error.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';

const MAX_PARAMETERS = 512;
const MAX_PARAMETERS_BYTES = 256 * 1024;

/** The name of a driver or provisioner: a qualified name in any case. */
export function validateDriverName(name: string | undefined, path: FieldPath): FieldError[] {
  if (!name) return [required(path)];
  return invalidFor(isQualifiedName(name.toLowerCase()), name.toLowerCase(), path);
}

/** Opaque parameters of a driver: few, named, and small together. */
export function validateParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): FieldError[] {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > MAX_PARAMETERS) return [tooLong(path, MAX_PARAMETERS)];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...entries.flatMap(([key]) => (key === '' ? [invalid(path, key, 'field can not be empty.')] : [])),
    ...(bytes > MAX_PARAMETERS_BYTES ? [tooLong(path, MAX_PARAMETERS_BYTES)] : []),
  ];
}

/** Upstream names the whole entry, not the list of keys in it. */
export function validateTopologyKeys(keys: readonly string[] | null | undefined, path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return (keys ?? []).flatMap((key) => {
    if (seen.has(key)) return [duplicate(path, key)];
    seen.add(key);
    return [...(key === '' ? [required(path, key)] : []), ...invalidFor(isQualifiedName(key), keys, path)];
  });
}
