import { systemClock } from '#base/clock.ts';
import { createLogger } from '#base/log.ts';
import { systemRandomness } from '#base/random.ts';
import { createClient } from '#client/create-client.ts';
import { startControllers } from '#controllers/run.ts';
import { createInformers } from '#reconciler/informers.ts';
import { legacyTokenSigner } from '#cmd/server/legacy-token.ts';
import type { TestApiServer } from './api-server.ts';

const ACCOUNTS = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'];

/** Controllers of the given names in this process, beside a test's API server; disposing of them waits for their end. */
export function startTestControllers({ server, pki }: TestApiServer, names: readonly string[]): AsyncDisposable {
  const stop = new AbortController();
  const log = createLogger('control', process.env['DHOW_LOG'] ?? 'error');
  const shared = { clock: systemClock, log, randomness: systemRandomness, signal: stop.signal };
  const as = (name: string, groups: readonly string[]) =>
    createClient(server.inProcess({ name, groups }), {
      userAgent: `dhow/${name.split(':').at(-1)}`,
      clock: systemClock,
    });
  const running = startControllers({
    clientFor: (identity) =>
      identity === 'kube-controller-manager'
        ? as('system:kube-controller-manager', ['system:authenticated'])
        : as(`system:serviceaccount:kube-system:${identity}`, ACCOUNTS),
    informers: createInformers({ client: as('system:kube-controller-manager', ['system:masters']), ...shared }),
    selected: new Set(names),
    rootCaPem: pki.cluster.certificate,
    signLegacyToken: legacyTokenSigner(pki.tokenKey.privateKey),
    ...shared,
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the test is over'));
      await running;
    },
  };
}
