import { type Cell, type Column, column, wideColumn } from '#machinery/resource/columns.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { Event, EventSource, ObjectReference } from '#machinery/types/core-v1.ts';
import { toCoreEvent } from './convert.ts';

function of(cell: (event: Event) => Cell): (object: KubeObject) => Cell {
  return (object) => cell(toCoreEvent(object));
}

/** The same cells for both groups of events. */
export const eventColumns: readonly Column[] = [
  column('Last Seen', of(lastSeen)),
  column(
    'Type',
    of(({ type }) => type ?? ''),
  ),
  column(
    'Reason',
    of(({ reason }) => reason ?? ''),
  ),
  column(
    'Object',
    of(({ involvedObject }) => objectCell(involvedObject)),
  ),
  wideColumn(
    'Subobject',
    of(({ involvedObject }) => involvedObject?.fieldPath ?? ''),
  ),
  wideColumn('Source', of(sourceCell)),
  column(
    'Message',
    of(({ message }) => (message ?? '').trim()),
  ),
  wideColumn(
    'First Seen',
    of(({ firstTimestamp, eventTime }) => ({ since: firstTimestamp ?? eventTime })),
  ),
  wideColumn('Count', of(countCell)),
  wideColumn('Name', ({ metadata }) => metadata.name ?? '', { format: 'name' }),
];

function lastSeen({ series, lastTimestamp, firstTimestamp, eventTime }: Event): Cell {
  if (series) return { since: series.lastObservedTime };
  return { since: lastTimestamp ?? firstTimestamp ?? eventTime };
}

function objectCell({ kind, name }: ObjectReference): string {
  return `${(kind ?? '').toLowerCase()}${name ? `/${name}` : ''}`;
}

function sourceCell({ source, reportingComponent, reportingInstance }: Event): string {
  const { component, host }: EventSource = source ?? {};
  const from = component || reportingComponent || '';
  const on = host || reportingInstance || '';
  return on ? `${from}, ${on}` : from;
}

function countCell({ series, count, firstTimestamp, eventTime }: Event): number {
  if (series) return series.count ?? 0;
  if (count) return count;
  return !firstTimestamp && !eventTime ? 0 : 1;
}
