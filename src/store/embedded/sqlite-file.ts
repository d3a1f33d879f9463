import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Compacted, StoreUnavailable } from '../store.ts';

/** Version of the tables below. A database with a newer one belongs to a newer dhow. */
export const SCHEMA_VERSION = 1;

/**
 * `history` is the log: one row a write, in the order of revisions, so that a write only touches the end of the file.
 * A row names the one of the same key that it replaced; which row is a key's newest is known in memory.
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
  CREATE INDEX history_expires ON history (expires) WHERE expires IS NOT NULL;
  INSERT INTO meta VALUES ('compacted', 0), ('swept', 0);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Opens or creates the file, checked and ready for use. Throws StoreUnavailable with what to do. */
export function openDatabase(path: string): DatabaseSync {
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
export function takeLock(path: string): Disposable {
  const file = `${path}.lock`;
  closeSync(openSync(file, 'a', 0o600)); // whoever may open it could keep us out
  const lock = new DatabaseSync(file);
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    return { [Symbol.dispose]: () => lock.close() };
  } catch (error) {
    lock.close();
    throw new StoreUnavailable(`${path} is in use by another process: stop it, or choose another data directory`, {
      cause: error,
    });
  }
}

/** SQLite's result codes that a user can do something about. Source: sqlite.org/rescode.html */
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

/** What SQLite threw, as something that a user can act upon where there is such a thing. */
export function explained(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof StoreUnavailable || error instanceof Compacted) return error;
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  const cause = { cause: error };
  if (code === FULL)
    return new StoreUnavailable(`no space left for ${path}: free some, writing goes on by itself`, cause);
  if (code === IO_ERROR) return new StoreUnavailable(`cannot write ${path}: ${error.message}`, cause);
  if (code === CORRUPT || code === NOT_A_DATABASE)
    return new StoreUnavailable(`${path} is damaged (${error.message}): restore it from a backup, or remove it`, cause);
  return error;
}
