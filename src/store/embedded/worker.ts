import { DatabaseSync } from 'node:sqlite';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { assert, assertNever } from '#base/assert.ts';
import { checkpoint, Database } from './database.ts';
import { plainError, type WorkerReply, type WorkerRequest } from './protocol.ts';

/** What a store worker is started with. One entry serves both roles. */
export interface StoreWorkerData {
  readonly storeWorker: 'writer' | 'checkpoint';
  readonly path: string;
}

/** Serves the store from this worker thread until it is told to close. */
export function runStoreWorker(): void {
  assert(!isMainThread, 'runStoreWorker runs in a worker that was started for it');
  // WorkerPort is the only one that starts this entry.
  const { storeWorker, path } = workerData as StoreWorkerData;
  if (storeWorker === 'writer') runWriter(path);
  else runCheckpoints(path);
}

function runWriter(path: string): void {
  const port = portOfThis();
  let database: Database;
  try {
    database = new Database(path);
  } catch (error) {
    port.postMessage({ id: 0, error: plainError(error) } satisfies WorkerReply);
    port.close();
    return;
  }
  port.postMessage({ id: 0, result: { revision: database.revision } } satisfies WorkerReply);
  let waitingForSweep: number[] = [];

  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'compact') {
      compact(request.id, request.revision);
      return;
    }
    try {
      const result = answer(database, request);
      port.postMessage({ id: request.id, result } satisfies WorkerReply, transferable(result));
    } catch (error) {
      port.postMessage({ id: request.id, error: plainError(error) } satisfies WorkerReply);
    }
    if (request.kind === 'close') port.close();
  });

  function compact(id: number, revision: number): void {
    try {
      database.markCompacted(revision);
    } catch (error) {
      port.postMessage({ id, error: plainError(error) } satisfies WorkerReply);
      return;
    }
    waitingForSweep.push(id);
    if (waitingForSweep.length === 1) setImmediate(sweepStep);
  }

  /** One bounded step, then whatever has arrived meanwhile, so that writers wait for one step at most. */
  function sweepStep(): void {
    const ids = waitingForSweep;
    try {
      if (database.sweep()) {
        setImmediate(sweepStep);
        return;
      }
      for (const id of ids) port.postMessage({ id, result: undefined } satisfies WorkerReply);
    } catch (error) {
      for (const id of ids) port.postMessage({ id, error: plainError(error) } satisfies WorkerReply);
    }
    waitingForSweep = [];
  }
}

function answer(database: Database, request: Exclude<WorkerRequest, { kind: 'compact' }>): unknown {
  switch (request.kind) {
    case 'write':
      return database.write(request.batch);
    case 'get':
      return database.get(request.key);
    case 'range':
      return database.range(request.prefix, request.from, request.revision, request.limit);
    case 'count':
      return database.count(request.prefix);
    case 'history':
      return database.history(request.prefix, request.after);
    case 'expired':
      return database.expired(request.now, request.limit);
    case 'checkpoint':
      return database.checkpoint(request.mode);
    case 'quota':
      return database.setQuota(request.bytes);
    case 'close':
      return database.close();
    default:
      return assertNever(request);
  }
}

/** A write's result moves to the other thread instead of being copied. */
function transferable(result: unknown): ArrayBuffer[] {
  if (typeof result !== 'object' || result === null || !('numbers' in result) || !('data' in result)) return [];
  const { numbers, data } = result as { numbers: Float64Array<ArrayBuffer>; data: Uint8Array<ArrayBuffer> };
  return [numbers.buffer, data.buffer];
}

/** Copies the log into the database over a connection of its own, while the writer goes on appending. */
function runCheckpoints(path: string): void {
  const port = portOfThis();
  const db = new DatabaseSync(path);
  db.exec('PRAGMA busy_timeout = 2000; PRAGMA wal_autocheckpoint = 0');
  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'close') {
      db.close();
      port.close();
      return;
    }
    assert(request.kind === 'checkpoint', 'the checkpoint worker makes checkpoints');
    try {
      port.postMessage({ id: request.id, result: checkpoint(db, request.mode) } satisfies WorkerReply);
    } catch (error) {
      port.postMessage({ id: request.id, error: plainError(error) } satisfies WorkerReply);
    }
  });
}

function portOfThis() {
  assert(parentPort, 'a worker has a port to its parent');
  return parentPort;
}
