/** Property tests of `npm run check` draw the same cases each time; plain `node --test` draws new ones. */
import fc from 'fast-check';

fc.configureGlobal({ seed: 20_261_121 });
