import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Compacted, type KeyValue, prefixEnd, type RangeResult, type StoreEvent, StoreUnavailable } from '../store.ts';
import {
  type CheckpointResult,
  type HistoryPage,
  RESULT_FIELDS,
  WRITE_FIELDS,
  type WriteBatch,
  type WriteResult,
} from './protocol.ts';

/** Version of the tables below. A database with a newer one belongs to a newer dhow. */
export const SCHEMA_VERSION = 1;

const PAGE_BYTES = 4096;
/** An answer with values stops growing here. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Revisions that one look into history covers, so that a rare prefix does not hold up writers. */
const HISTORY_SPAN = 4000;
/** Revisions that one step of compaction covers. */
const COMPACTION_SPAN = 500;

/**
 * `history` is the log: one row a write, in the order of revisions. The newest row of a key is its state; a row names
 * the one that it replaced, so that compaction knows what to drop without searching.
 */
const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE history (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    previous INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    expires INTEGER,
    value BLOB NOT NULL
  );
  CREATE INDEX history_key ON history (key, revision, deleted);
  CREATE INDEX history_expires ON history (expires) WHERE expires IS NOT NULL;
  INSERT INTO meta VALUES ('compacted', 0), ('swept', 0);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** The newest row of each key between two keys, as of a revision. Parameters: from, end, revision. */
const NEWEST = `
  SELECT key, revision, value FROM history AS h
  WHERE key >= ? AND key < ? AND deleted = 0
    AND revision = (SELECT max(revision) FROM history WHERE key = h.key AND revision <= ?)
  ORDER BY key`;

type Row = readonly unknown[];

/** The tables and what is done with them. Synchronous; lives in the store worker. */
export class Database {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #lock: DatabaseSync | undefined;
  readonly #statements: ReturnType<typeof prepareAll>;
  #revision: number;
  #compacted: number;
  #swept: number;

  /** Opens or creates; `:memory:` for a database that goes with the process. Throws StoreUnavailable with what to do. */
  constructor(path: string) {
    this.#path = path;
    this.#lock = path === ':memory:' ? undefined : takeLock(path);
    this.#db = openDatabase(path);
    this.#statements = prepareAll(this.#db);
    const newest = Number(this.#statements.maxRevision.get()?.['revision'] ?? 0);
    this.#compacted = this.#meta('compacted');
    this.#swept = this.#meta('swept');
    // Compaction may have removed the newest row (a deletion), but never one beyond its own mark. The first write of
    // a new store gets 2, as in etcd: 0 and 1 stand for "nothing yet".
    this.#revision = Math.max(1, newest, this.#compacted);
  }

  get revision(): number {
    return this.#revision;
  }

  /** All writes of the batch in one transaction; each is done or refused by itself, none is visible if the commit fails. */
  write(batch: WriteBatch): WriteResult {
    const { begin, commit, rollback } = this.#statements;
    const before = this.#revision;
    const numbers = new Float64Array(batch.keys.length * RESULT_FIELDS);
    const previous: Uint8Array[] = [];
    try {
      begin.run();
      let offset = 0;
      for (const [index, key] of batch.keys.entries()) {
        const replaced = this.#writeOne(batch, index, key, numbers, offset);
        if (!replaced) continue;
        previous.push(replaced);
        offset += replaced.length;
      }
      commit.run();
    } catch (error) {
      this.#revision = before;
      if (this.#db.isTransaction) rollback.run();
      throw explained(error, this.#path);
    }
    // A write costs its value, its key twice, and about two pages of the trees above.
    const logBytes = (this.#revision - before) * 2 * PAGE_BYTES + batch.data.length;
    return { numbers, data: joined(previous), logBytes };
  }

  #writeOne(batch: WriteBatch, index: number, key: string, results: Float64Array, offset: number) {
    const at = index * WRITE_FIELDS;
    const [expected = 0, expires = 0, start = 0, length = 0] = batch.numbers.subarray(at, at + WRITE_FIELDS);
    const row = this.#statements.newest.get(key) as unknown as Row | undefined;
    const current = row && row[1] === 0 ? Number(row[0]) : 0;
    if (current !== expected || (length < 0 && current === 0)) {
      results[index * RESULT_FIELDS] = -1 - current;
      return undefined;
    }
    const value = length < 0 ? NO_VALUE : batch.data.subarray(start, start + length);
    this.#revision++;
    this.#statements.insert.run(this.#revision, key, current, length < 0 ? 1 : 0, expires || null, value);
    const replaced = current === 0 ? NO_VALUE : bytesOf(row?.[2]);
    results.set([this.#revision, current, offset, replaced.length], index * RESULT_FIELDS);
    return replaced;
  }

  get(key: string): KeyValue | undefined {
    const row = this.#statements.newest.get(key) as unknown as Row | undefined;
    if (!row || row[1] !== 0) return undefined;
    return { key, revision: Number(row[0]), value: bytesOf(row[2]) };
  }

  range(prefix: string, from: string | undefined, at: number | undefined, limit: number): RangeResult {
    const revision = at ?? this.#revision;
    if (revision < this.#compacted) throw new Compacted(revision, this.#compacted);
    const end = prefixEnd(prefix);
    const start = from !== undefined && from > prefix ? from : prefix;
    const items: KeyValue[] = [];
    let bytes = 0;
    for (const row of this.#statements.range.iterate(start, end, revision) as Iterable<unknown> as Iterable<Row>) {
      if (items.length >= limit || bytes >= MAX_PAGE_BYTES) return { items, revision, more: true };
      const value = bytesOf(row[2]);
      items.push({ key: String(row[0]), revision: Number(row[1]), value });
      bytes += value.length;
    }
    return { items, revision, more: false };
  }

  count(prefix: string): number {
    const row = this.#statements.count.get(prefix, prefixEnd(prefix)) as unknown as Row | undefined;
    return Number(row?.[0] ?? 0);
  }

  history(prefix: string, after: number): HistoryPage {
    if (after < this.#compacted) throw new Compacted(after, this.#compacted);
    const end = prefixEnd(prefix);
    const through = Math.min(after + HISTORY_SPAN, this.#revision);
    const events: StoreEvent[] = [];
    let bytes = 0;
    const rows = this.#statements.history.iterate(after, through, prefix, end) as Iterable<unknown> as Iterable<Row>;
    for (const row of rows) {
      const event = eventOf(row);
      events.push(event);
      bytes += event.value.length + (event.previous?.value.length ?? 0);
      if (bytes >= MAX_PAGE_BYTES) return { events, through: event.revision, complete: false };
    }
    return { events, through, complete: through >= this.#revision };
  }

  /** Keys whose time has come: [key, revision] of their newest write. */
  expired(now: number, limit: number): readonly (readonly [string, number])[] {
    const rows = this.#statements.expired.all(now, limit) as unknown as readonly Row[];
    return rows.map((row) => [String(row[0]), Number(row[1])] as const);
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
    const { begin, commit, rollback, dropReplaced, dropDeletions, setMeta } = this.#statements;
    try {
      begin.run();
      dropReplaced.run(this.#swept, through);
      dropDeletions.run(this.#swept, through);
      setMeta.run(through, 'swept');
      commit.run();
    } catch (error) {
      if (this.#db.isTransaction) rollback.run();
      throw explained(error, this.#path);
    }
    this.#swept = through;
    return this.#swept < this.#compacted;
  }

  checkpoint(mode: 'PASSIVE' | 'RESTART'): CheckpointResult {
    const row = this.#db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
    return { pagesLeft: Math.max(0, Number(row?.['log'] ?? 0) - Number(row?.['checkpointed'] ?? 0)) };
  }

  /** The database may not grow beyond this; writes then fail as on a full disk. */
  setQuota(bytes: number): void {
    this.#db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytes / PAGE_BYTES))}`);
  }

  close(): void {
    this.#db.close();
    this.#lock?.close();
  }

  #meta(name: string): number {
    return Number(this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value'] ?? 0);
  }
}

const NO_VALUE = new Uint8Array(0);

function prepareAll(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    maxRevision: db.prepare('SELECT max(revision) AS revision FROM history'),
    newest: asArrays(
      db.prepare('SELECT revision, deleted, value FROM history WHERE key = ? ORDER BY revision DESC LIMIT 1'),
    ),
    insert: db.prepare('INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)'),
    range: asArrays(db.prepare(NEWEST)),
    count: asArrays(
      db.prepare(
        `SELECT count(*) FROM (
           SELECT max(revision), deleted FROM history WHERE key >= ? AND key < ? GROUP BY key
         ) WHERE deleted = 0`,
      ),
    ),
    history: asArrays(
      db.prepare(
        `SELECT h.key, h.revision, h.deleted, h.value, h.previous, p.value
         FROM history AS h LEFT JOIN history AS p ON p.revision = h.previous
         WHERE h.revision > ? AND h.revision <= ? AND +h.key >= ? AND +h.key < ? ORDER BY h.revision`,
      ),
    ),
    expired: asArrays(
      db.prepare(
        `SELECT key, revision FROM history AS h WHERE expires <= ?
           AND NOT EXISTS (SELECT 1 FROM history WHERE key = h.key AND revision > h.revision)
         ORDER BY expires LIMIT ?`,
      ),
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

function eventOf([key, revision, deleted, value, previous, previousValue]: Row): StoreEvent {
  const event = {
    type: deleted === 1 ? 'delete' : 'put',
    key: String(key),
    revision: Number(revision),
    value: bytesOf(value),
  } as const;
  if (previous === 0) return event;
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

function openDatabase(path: string): DatabaseSync {
  try {
    // Only its owner may read the state of a cluster; SQLite gives its log the same mode.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    const db = new DatabaseSync(path);
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (version > SCHEMA_VERSION)
      throw new StoreUnavailable(
        `${path} was written by a newer dhow (schema ${version}, this one knows ${SCHEMA_VERSION}): run that version, or choose another data directory`,
      );
    // Checkpoints are made by whoever has time for them, never by a commit on its way.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
    db.exec('PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 67108864');
    if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`);
    else checkIntegrity(db, path);
    // What a process that was killed left in the log.
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    return db;
  } catch (error) {
    throw explained(error, path);
  }
}

function checkIntegrity(db: DatabaseSync, path: string): void {
  const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok')
    throw new StoreUnavailable(`${path} is damaged (${String(found)}): restore it from a backup, or remove it`);
}

/** One process at a time: SQLite would let two share the file, but each believes that it knows every write. */
function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(`${path}.lock`);
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw new StoreUnavailable(`${path} is in use by another process: stop it, or choose another data directory`, {
      cause: error,
    });
  }
}

/** SQLite's result codes that a user can do something about. Source: sqlite.org/rescode.html */
const FULL = 13;
const IO_ERROR = 10;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

function explained(error: unknown, path: string): Error {
  if (!(error instanceof Error) || error instanceof StoreUnavailable || error instanceof Compacted)
    return error instanceof Error ? error : new Error(String(error));
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  if (code === FULL)
    return new StoreUnavailable(`no space left for ${path}: free some, writing goes on by itself`, { cause: error });
  if (code === IO_ERROR) return new StoreUnavailable(`cannot write ${path}: ${error.message}`, { cause: error });
  if (code === CORRUPT || code === NOT_A_DATABASE)
    return new StoreUnavailable(`${path} is damaged (${error.message}): restore it from a backup, or remove it`, {
      cause: error,
    });
  return error;
}
