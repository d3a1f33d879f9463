import type { KubeObject } from '../object.ts';

/** A cell that shows an age or a time left is a time; it is rendered when it is served. */
export interface TimeCell {
  readonly since: string | null | undefined;
  /** Where the span has ended: a time that stands still, as a finished job's duration. */
  readonly until?: string;
  /** Text around the rendered time: `3 (` and ` ago)` show a pod's restarts. */
  readonly before?: string;
  readonly after?: string;
}

export type Cell = string | number | boolean | null | TimeCell;

/** One column of a Table. Source: meta/v1 Table. */
export interface Column<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: 0 | 1;
  readonly description?: string;
  readonly cell: (object: T) => Cell;
}

interface ColumnOptions {
  readonly type?: Column['type'];
  readonly format?: string;
}

/** A column that is always shown. */
export function column<T extends KubeObject>(
  name: string,
  cell: (object: T) => Cell,
  options: ColumnOptions = {},
): Column<T> {
  return { name, type: options.type ?? 'string', format: options.format ?? '', priority: 0, cell };
}

/** A column of `-o wide`. */
export function wideColumn<T extends KubeObject>(
  name: string,
  cell: (object: T) => Cell,
  options: ColumnOptions = {},
): Column<T> {
  return { ...column(name, cell, options), priority: 1 };
}

export const nameColumn: Column = column('Name', (object) => object.metadata.name ?? '', { format: 'name' });

export const ageColumn: Column = column('Age', (object) => ({ since: object.metadata.creationTimestamp }));

/** All columns of a kind that has none of its own: name and time of creation. */
export const createdAtColumns: readonly Column[] = [
  nameColumn,
  column('Created At', ({ metadata }) => metadata.creationTimestamp ?? null, { type: 'date' }),
];
