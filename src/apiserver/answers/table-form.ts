import { stringifyJson } from '#machinery/codec/json.ts';
import { stringifyYaml } from '#machinery/codec/yaml.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { Cell, Column, TimeCell } from '#machinery/resource/columns.ts';
import { parseTime } from '#machinery/time.ts';
import type { Rendering } from '../negotiation/accept.ts';
import { showAge } from './age.ts';
import type { Form, ListMetadata } from './form.ts';
import { jsonErrorFrame } from './json-form.ts';

/**
 * One row of a Table as it is kept: JSON in pieces, with the time cells between them, since what they show depends on
 * when they are served.
 */
export interface Row {
  readonly pieces: readonly string[];
  /** One for each gap between pieces. */
  readonly times: readonly RowTime[];
  /** Of the object, for a Table of this one row. */
  readonly resourceVersion: string;
}

/** What a Table is made of. */
export interface Tabled {
  readonly apiVersion: string;
  readonly kind: string;
  readonly columns: readonly Column[];
}

/** Milliseconds since the epoch; `<unknown>` without `since`; now without `until`. */
interface RowTime {
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/** Tables as kubectl shows them. Source: meta/v1 Table. */
export function tableForm(shown: Tabled, rendering: Rendering, now: () => number): Form<Row> {
  const { apiVersion, kind, columns: tableColumns } = shown;
  const { metaVersion, includeObject, media } = rendering;
  const columns = stringifyJson(tableColumns.map(columnDefinition));
  const table = (rows: readonly Row[], meta: Partial<ListMetadata>, withColumns = true) => {
    const at = now();
    const head = `{"kind":"Table","apiVersion":"meta.k8s.io/${metaVersion}","metadata":${JSON.stringify(meta)},"columnDefinitions":${withColumns ? columns : '[]'},"rows":[`;
    return `${head}${rows.map((row) => renderRow(row, at)).join(',')}]}`;
  };
  const body = (json: string): readonly Uint8Array[] => {
    if (media === 'application/yaml') return [Buffer.from(stringifyYaml(JSON.parse(json)))];
    if (rendering.pretty) return [Buffer.from(`${JSON.stringify(JSON.parse(json), null, 2)}\n`)];
    return [Buffer.from(`${json}\n`)];
  };
  const event = (type: string, json: string) => Buffer.from(`{"type":"${type}","object":${json}}\n`);
  return {
    key: `${apiVersion}|${kind}|row|${metaVersion}|${includeObject}`,
    contentType: media,
    part(object) {
      const value = rowOf(shown, object, rendering);
      return { value, bytes: value.pieces.reduce((sum, piece) => sum + piece.length, 0) };
    },
    whole: (row) => body(table([row], { resourceVersion: row.resourceVersion })),
    list: (rows, meta) => body(table(rows, meta)),
    stream: {
      contentType: 'application/json',
      firstDiffers: true,
      event({ type, revision, first }, row, again) {
        const shown = revision === undefined ? row : again();
        return event(type, table([shown], { resourceVersion: shown.resourceVersion }, first));
      },
      bookmark(revision, initialEventsEnd) {
        const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
        const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
        const object = { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata };
        const row = `{"cells":${JSON.stringify(tableColumns.map(emptyCell))},"object":${JSON.stringify(object)}}`;
        const [start] = table([], { resourceVersion: String(revision) }, false).split(']}');
        return event('BOOKMARK', `${start}${row}]}`);
      },
      error: jsonErrorFrame,
    },
  };
}

/** The row of an object in the served version. */
function rowOf({ columns, kind, apiVersion }: Tabled, object: KubeObject, rendering: Rendering): Row {
  const pieces: string[] = [];
  const times: RowTime[] = [];
  let piece = '{"cells":[';
  columns.forEach((column, index) => {
    if (index > 0) piece += ',';
    const cell = column.cell(object);
    if (isTimeCell(cell)) {
      pieces.push(`${piece}"${insideString(cell.before)}`);
      times.push({ since: parseTime(cell.since), until: parseTime(cell.until) });
      piece = `${insideString(cell.after)}"`;
    } else piece += stringifyJson(cell);
  });
  const shown = shownObject(object, kind, apiVersion, rendering);
  pieces.push(`${piece}]${shown === undefined ? '' : `,"object":${stringifyJson(shown)}`}}`);
  return { pieces, times, resourceVersion: object.metadata.resourceVersion ?? '' };
}

/** Text as it stands between the quotes of a JSON string. */
function insideString(text = ''): string {
  return JSON.stringify(text).slice(1, -1);
}

function isTimeCell(cell: Cell): cell is TimeCell {
  return cell !== null && typeof cell === 'object';
}

function shownObject(object: KubeObject, kind: string, apiVersion: string, rendering: Rendering): unknown {
  switch (rendering.includeObject) {
    case 'None':
      return undefined;
    case 'Object': {
      const { kind: _, apiVersion: __, ...rest } = object;
      return { kind, apiVersion, ...rest };
    }
    case 'Metadata':
      return {
        kind: 'PartialObjectMetadata',
        apiVersion: `meta.k8s.io/${rendering.metaVersion}`,
        metadata: object.metadata,
      };
  }
}

function renderRow({ pieces, times }: Row, now: number): string {
  let text = pieces[0] ?? '';
  times.forEach((time, index) => {
    text += showAge(time.since, time.until ?? now) + (pieces[index + 1] ?? '');
  });
  return text;
}

function columnDefinition({ name, type, format, priority, description }: Column): object {
  return { name, type, format, description: description ?? '', priority };
}

function emptyCell({ type }: Column): string | number | boolean {
  if (type === 'boolean') return false;
  return type === 'integer' || type === 'number' ? 0 : '';
}
