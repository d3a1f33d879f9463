import { runStoreWorker } from './worker.ts';

// The store worker when the sources run unbuilt; a bundle is its own worker (see isStoreWorker).
runStoreWorker();
