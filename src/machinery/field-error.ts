/** The place of a value inside an object, written as upstream writes it: `spec.containers[0].ports[0].name`. */
export class FieldPath {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** The object itself. */
  static readonly root = new FieldPath('');

  static of(...names: readonly string[]): FieldPath {
    return FieldPath.root.at(...names);
  }

  at(...names: readonly string[]): FieldPath {
    if (names.length === 0) return this;
    const tail = names.join('.');
    return new FieldPath(this.#text ? `${this.#text}.${tail}` : tail);
  }

  index(index: number): FieldPath {
    return new FieldPath(`${this.#text}[${index}]`);
  }

  /** A key of a map: `metadata.labels[app]`. */
  key(key: string): FieldPath {
    return new FieldPath(`${this.#text}[${key}]`);
  }

  toString(): string {
    return this.#text;
  }
}

/** Reasons of causes in a Status (`metav1.CauseType`), plus the two that only appear in messages. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

/** One thing that is wrong with one field. Validators return these; they neither throw nor mutate. */
export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  /** The message without the path: `Invalid value: "x": must be no more than 63 characters`. */
  readonly message: string;
}

/** A value as upstream prints it inside a message: strings quoted, objects as JSON. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'object') {
    return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? Number(part) : part));
  }
  return typeof value === 'string' ? JSON.stringify(value) : `${value as number | boolean | bigint}`;
}

function fieldError(type: FieldErrorType, path: FieldPath, message: string): FieldError {
  return { type, field: path.toString(), message };
}

function withDetail(message: string, detail: string): string {
  return detail ? `${message}: ${detail}` : message;
}

export function required(path: FieldPath, detail = ''): FieldError {
  return fieldError('FieldValueRequired', path, withDetail('Required value', detail));
}

export function invalid(path: FieldPath, value: unknown, detail = ''): FieldError {
  return fieldError('FieldValueInvalid', path, withDetail(`Invalid value: ${showValue(value)}`, detail));
}

/** @public the vocabulary of field errors is kept whole */
export function typeInvalid(path: FieldPath, value: unknown, detail = ''): FieldError {
  return fieldError('FieldValueTypeInvalid', path, withDetail(`Invalid value: ${showValue(value)}`, detail));
}

export function duplicate(path: FieldPath, value: unknown): FieldError {
  return fieldError('FieldValueDuplicate', path, `Duplicate value: ${showValue(value)}`);
}

export function notFound(path: FieldPath, value: unknown): FieldError {
  return fieldError('FieldValueNotFound', path, `Not found: ${showValue(value)}`);
}

export function forbidden(path: FieldPath, detail = ''): FieldError {
  return fieldError('FieldValueForbidden', path, withDetail('Forbidden', detail));
}

export function notSupported(path: FieldPath, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length > 0 ? `supported values: ${[...supported].sort().map(showValue).join(', ')}` : '';
  return fieldError('FieldValueNotSupported', path, withDetail(`Unsupported value: ${showValue(value)}`, detail));
}

/** `max` in bytes. */
export function tooLong(path: FieldPath, max: number): FieldError {
  const detail = max >= 0 ? `may not be more than ${max} bytes` : 'value is too long';
  return fieldError('FieldValueTooLong', path, `Too long: ${detail}`);
}

export function tooMany(path: FieldPath, actual: number, max: number): FieldError {
  const detail = max >= 0 ? `must have at most ${max} item${max === 1 ? '' : 's'}` : 'has too many items';
  return fieldError('FieldValueTooMany', path, `Too many: ${actual}: ${detail}`);
}

/** @public the vocabulary of field errors is kept whole */
export function internalFieldError(path: FieldPath, detail: string): FieldError {
  return fieldError('InternalError', path, `Internal error: ${detail}`);
}
