import { runStoreWorker } from './worker.ts';

runStoreWorker();
