import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Compacted, type KeyValue, prefixEnd, type RangeResult, type StoreEvent } from '../store.ts';
import { KeyIndex, type Newest } from './key-index.ts';
import {
  type CheckpointResult,
  type HistoryPage,
  RESULT_FIELDS,
  WRITE_FIELDS,
  type WriteBatch,
  type WriteResult,
} from './protocol.ts';
import { explained, openDatabase, takeLock } from './sqlite-file.ts';

const PAGE_BYTES = 4096;
/** An answer with values stops growing here. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Revisions that one look into history covers, so that a rare prefix does not hold up writers. */
const HISTORY_SPAN = 4000;
/** Revisions that one step of compaction covers. */
const COMPACTION_SPAN = 500;

/** A row as node:sqlite gives it with setReturnArrays. */
type Row = readonly unknown[];

/** The log and what is done with it. Synchronous; lives in the store worker. */
export class Database {
  readonly #path: string;
  readonly #lock: Disposable | undefined;
  readonly #db: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #index = new KeyIndex();
  #revision: number;
  #compacted: number;
  #swept: number;

  /** Opens or creates; `:memory:` for a database that goes with the process. Throws StoreUnavailable with what to do. */
  constructor(path: string) {
    this.#path = path;
    this.#lock = path === ':memory:' ? undefined : takeLock(path);
    this.#db = openDatabase(path);
    this.#statements = prepareAll(this.#db);
    this.#compacted = this.#meta('compacted');
    this.#swept = this.#meta('swept');
    // Compaction may have removed the newest row (a deletion), but never one beyond its own mark. The first write of
    // a new store gets 2, as in etcd: 0 and 1 stand for "nothing yet".
    this.#revision = Math.max(1, this.#compacted, this.#fillIndex());
  }

  #fillIndex(): number {
    let last = 0;
    for (const [revision, key, deleted] of rowsOf(this.#statements.allKeys.iterate())) {
      last = Number(revision);
      this.#index.set(String(key), { revision: last, deleted: deleted === 1 });
    }
    return last;
  }

  get revision(): number {
    return this.#revision;
  }

  /** All writes of the batch in one transaction; each is done or refused by itself, none is visible if the commit fails. */
  write(batch: WriteBatch): WriteResult {
    const { begin, commit } = this.#statements;
    const writes = new BatchWriter(batch, this.#index, this.#statements, this.#revision);
    try {
      begin.run();
      for (let index = 0; index < batch.keys.length; index++) writes.write(index);
      commit.run();
    } catch (error) {
      throw this.#undone(error);
    }
    for (const [key, newest] of writes.changed) this.#index.set(key, newest);
    // Whole pages at the end of the table, and the path to them.
    const logBytes = writes.revision === this.#revision ? 0 : Math.ceil(1.2 * batch.data.length) + 3 * PAGE_BYTES;
    this.#revision = writes.revision;
    return { numbers: writes.results, data: joined(writes.previous), logBytes };
  }

  get(key: string): KeyValue | undefined {
    const newest = this.#index.get(key);
    if (!newest || newest.deleted) return undefined;
    return { key, revision: newest.revision, value: bytesOf(rowOf(this.#statements.row.get(newest.revision))?.[2]) };
  }

  range(prefix: string, from: string | undefined, at: number | undefined, limit: number): RangeResult {
    const revision = at ?? this.#revision;
    if (revision < this.#compacted) throw new Compacted(revision, this.#compacted);
    const start = from !== undefined && from > prefix ? from : prefix;
    const items: KeyValue[] = [];
    let bytes = 0;
    for (const [key, newest] of this.#index.between(start, prefixEnd(prefix))) {
      const item = this.#asOf(key, newest, revision);
      if (!item) continue;
      if (items.length >= limit || bytes >= MAX_PAGE_BYTES) return { items, revision, more: true };
      items.push(item);
      bytes += item.value.length;
    }
    return { items, revision, more: false };
  }

  /** A key as it was: from its newest row back to the one that was there. */
  #asOf(key: string, newest: Newest, at: number): KeyValue | undefined {
    if (newest.deleted && newest.revision <= at) return undefined;
    for (let revision = newest.revision; revision > 0; ) {
      const row = rowOf(this.#statements.row.get(revision));
      if (!row) return undefined;
      if (revision <= at) return row[1] === 1 ? undefined : { key, revision, value: bytesOf(row[2]) };
      revision = Number(row[0]);
    }
    return undefined;
  }

  count(prefix: string): number {
    let count = 0;
    for (const [, newest] of this.#index.between(prefix, prefixEnd(prefix))) if (!newest.deleted) count++;
    return count;
  }

  history(prefix: string, after: number): HistoryPage {
    if (after < this.#compacted) throw new Compacted(after, this.#compacted);
    const through = Math.min(after + HISTORY_SPAN, this.#revision);
    const events: StoreEvent[] = [];
    let bytes = 0;
    for (const row of rowsOf(this.#statements.history.iterate(after, through, prefix, prefixEnd(prefix)))) {
      const event = eventOf(row);
      events.push(event);
      bytes += event.value.length + (event.previous?.value.length ?? 0);
      if (bytes >= MAX_PAGE_BYTES) return { events, through: event.revision, complete: false };
    }
    return { events, through, complete: through >= this.#revision };
  }

  /** Keys whose time has come: [key, revision] of their newest write. */
  expired(now: number, limit: number): readonly (readonly [string, number])[] {
    const found: (readonly [string, number])[] = [];
    for (const [key, revision] of rowsOf(this.#statements.expired.iterate(now))) {
      if (found.length >= limit) break;
      const newest = this.#index.get(String(key));
      // A later write of the key has its own expiry or none.
      if (newest && newest.revision === revision) found.push([String(key), newest.revision]);
    }
    return found;
  }

  /** Refuses history before `revision` from now on. `sweep` then frees the space step by step. */
  markCompacted(revision: number): void {
    const target = Math.min(revision, this.#revision);
    if (target <= this.#compacted) return;
    this.#statements.setMeta.run(target, 'compacted');
    this.#compacted = target;
  }

  /** Frees one step's worth of what compaction has marked; false when nothing is left to free. */
  sweep(): boolean {
    if (this.#swept >= this.#compacted) return false;
    const through = Math.min(this.#swept + COMPACTION_SPAN, this.#compacted);
    const { begin, commit, deletions, dropReplaced, dropDeletions, setMeta } = this.#statements;
    const gone: string[] = [];
    try {
      begin.run();
      for (const [key, revision] of rowsOf(deletions.iterate(this.#swept, through)))
        if (this.#index.get(String(key))?.revision === revision) gone.push(String(key));
      dropReplaced.run(this.#swept, through);
      dropDeletions.run(this.#swept, through);
      setMeta.run(through, 'swept');
      commit.run();
    } catch (error) {
      throw this.#undone(error);
    }
    for (const key of gone) this.#index.delete(key);
    this.#swept = through;
    return this.#swept < this.#compacted;
  }

  checkpoint(mode: 'PASSIVE' | 'RESTART'): CheckpointResult {
    return checkpoint(this.#db, mode);
  }

  /** The database may not grow beyond this; writes then fail as on a full disk. */
  setQuota(bytes: number): void {
    this.#db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytes / PAGE_BYTES))}`);
  }

  close(): void {
    this.#db.close();
    this.#lock?.[Symbol.dispose]();
  }

  #undone(error: unknown): Error {
    if (this.#db.isTransaction) this.#statements.rollback.run();
    return explained(error, this.#path);
  }

  #meta(name: string): number {
    return Number(this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value'] ?? 0);
  }
}

/** Copies the log into the database. PASSIVE takes what it can get, RESTART waits for writers and readers to let it. */
export function checkpoint(db: DatabaseSync, mode: 'PASSIVE' | 'RESTART'): CheckpointResult {
  const row = db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  return { pagesLeft: Math.max(0, Number(row?.['log'] ?? 0) - Number(row?.['checkpointed'] ?? 0)) };
}

type Statements = ReturnType<typeof prepareAll>;

/** The writes of one batch inside its transaction. What it changes is merged into the index after the commit. */
class BatchWriter {
  readonly results: Float64Array;
  readonly previous: Uint8Array[] = [];
  readonly changed = new Map<string, Newest>();
  revision: number;
  readonly #batch: WriteBatch;
  readonly #index: KeyIndex;
  readonly #statements: Statements;
  #previousBytes = 0;

  constructor(batch: WriteBatch, index: KeyIndex, statements: Statements, revision: number) {
    this.#batch = batch;
    this.#index = index;
    this.#statements = statements;
    this.revision = revision;
    this.results = new Float64Array(batch.keys.length * RESULT_FIELDS);
  }

  write(index: number): void {
    const { keys, numbers, data } = this.#batch;
    const key = keys[index] ?? '';
    const field = (offset: number) => numbers[index * WRITE_FIELDS + offset] ?? 0;
    const length = field(3);
    const deleted = length < 0;
    const before = this.changed.get(key) ?? this.#index.get(key);
    const current = before && !before.deleted ? before.revision : 0;
    if (current !== field(0) || (deleted && current === 0)) {
      this.results[index * RESULT_FIELDS] = -1 - current;
      return;
    }
    const replaced = current === 0 ? NO_VALUE : bytesOf(rowOf(this.#statements.row.get(current))?.[2]);
    const value = deleted ? NO_VALUE : data.subarray(field(2), field(2) + length);
    this.revision++;
    this.#statements.insert.run(this.revision, key, before?.revision ?? 0, deleted ? 1 : 0, field(1) || null, value);
    this.changed.set(key, { revision: this.revision, deleted });
    this.results.set([this.revision, current, this.#previousBytes, replaced.length], index * RESULT_FIELDS);
    this.previous.push(replaced);
    this.#previousBytes += replaced.length;
  }
}

const NO_VALUE = new Uint8Array(0);

function prepareAll(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    allKeys: asArrays(db.prepare('SELECT revision, key, deleted FROM history ORDER BY revision')),
    row: asArrays(db.prepare('SELECT previous, deleted, value FROM history WHERE revision = ?')),
    insert: db.prepare('INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)'),
    history: asArrays(
      db.prepare(
        `SELECT h.key, h.revision, h.deleted, h.value, p.revision, p.value
         FROM history AS h LEFT JOIN history AS p ON p.revision = h.previous AND p.deleted = 0
         WHERE h.revision > ? AND h.revision <= ? AND h.key >= ? AND h.key < ? ORDER BY h.revision`,
      ),
    ),
    expired: asArrays(db.prepare('SELECT key, revision FROM history WHERE expires <= ? ORDER BY expires')),
    deletions: asArrays(
      db.prepare('SELECT key, revision FROM history WHERE revision > ? AND revision <= ? AND deleted = 1'),
    ),
    dropReplaced: db.prepare(
      `DELETE FROM history WHERE revision IN (
         SELECT previous FROM history WHERE revision > ? AND revision <= ? AND previous > 0)`,
    ),
    dropDeletions: db.prepare('DELETE FROM history WHERE revision > ? AND revision <= ? AND deleted = 1'),
    setMeta: db.prepare('UPDATE meta SET value = ? WHERE name = ?'),
  };
}

function asArrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}

/** The types of node:sqlite do not know of setReturnArrays. */
function rowsOf(rows: Iterable<unknown>): Iterable<Row> {
  return rows as Iterable<Row>;
}

function rowOf(row: unknown): Row | undefined {
  return row as Row | undefined;
}

function eventOf([key, revision, deleted, value, previous, previousValue]: Row): StoreEvent {
  const event = {
    type: deleted === 1 ? 'delete' : 'put',
    key: String(key),
    revision: Number(revision),
    value: bytesOf(value),
  } as const;
  if (previous === null) return event;
  return { ...event, previous: { key: event.key, revision: Number(previous), value: bytesOf(previousValue) } };
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : NO_VALUE;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const data = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return data;
}
