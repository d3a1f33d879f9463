import { type FieldError, type FieldPath, invalid } from '#machinery/field-error.ts';
import { compareQuantities, parseQuantity } from '#machinery/quantity.ts';

const CPU = ['1m', '1'];
const BYTES = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** Units in which a resource may be shown to a container: whole or milli cores; bytes with a suffix. */
export function validateDivisor(resource: string, divisor: string, path: FieldPath): FieldError[] {
  const unit = parseQuantity(divisor || '0');
  if (unit.nanos === 0n) return [];
  const name = resource.replace(/^(limits|requests)\./, '');
  const allowed = name === 'cpu' ? CPU : BYTES;
  if (allowed.some((text) => compareQuantities(parseQuantity(text), unit) === 0)) return [];
  const kind = name.startsWith('hugepages-')
    ? 'hugepages'
    : name === 'ephemeral-storage'
      ? 'local ephemeral storage'
      : name;
  return [
    invalid(path, resource, `only divisor's values ${allowed.join(', ')} are supported with the ${kind} resource`),
  ];
}
