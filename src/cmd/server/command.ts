import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLogger } from '#base/log.ts';
import { selectControllers } from '#controllers/select-controllers.ts';
import { nodeAddresses } from '#kubelet/node/machine.ts';
import { StoreUnavailable } from '#store/store.ts';
import { CliError } from '../cli-error.ts';
import { type Cluster, contextName, DEFAULT_API_PORT, paths, readCluster } from '../cluster.ts';
import { noOperands, parseFlags, parsePort } from '../flags.ts';
import { checkCidr, requireFreePort } from '../lifecycle/machine.ts';
import { runServer, type ServerSettings } from './run-server.ts';

const flagTypes = {
  'run-dir': 'string',
  'data-dir': 'string',
  'api-port': 'string',
  'service-cidr': 'string',
  kubeconfig: 'string',
  controllers: 'string',
  'disable-scheduler': 'boolean',
  'runtime-config': 'string',
  'feature-gates': 'string',
} as const;

type ServerFlags = ReturnType<typeof parseFlags<typeof flagTypes>>['flags'];

/** `dhow server`: the control plane alone, in the foreground, or, with --run-dir, the one of a cluster. Runs until a signal. */
export async function server(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('server', args, flagTypes);
  noOperands('server', operands);
  const failed = Promise.withResolvers<never>();
  const settings = await settingsOf(flags, failed.reject);
  await requireFreePort(settings.port);
  const stopped = new Promise<void>((done) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => done());
  });
  await using running = await runServer(settings).catch((error: unknown) => {
    throw error instanceof StoreUnavailable ? new CliError(error.message, { cause: error }) : error;
  });
  if (flags['run-dir'] === undefined) {
    process.stdout.write(
      `The API server is up: https://127.0.0.1:${running.port}, kubeconfig ${settings.kubeconfig}. Ctrl-C ends it.\n`,
    );
  }
  await Promise.race([stopped, failed.promise]);
}

async function settingsOf(flags: ServerFlags, failed: (reason: Error) => void): Promise<ServerSettings> {
  if (flags['run-dir'] === undefined) return aloneSettings(flags, failed);
  const cluster = await readCluster(flags['run-dir']);
  if (!cluster) throw new CliError('server --run-dir is started by dhow up');
  return clusterSettings(cluster, failed);
}

/** The control plane of `dhow up`: pods and kubectl reach it, so it listens on every address. */
async function clusterSettings(cluster: Cluster, failed: (reason: Error) => void): Promise<ServerSettings> {
  const files = paths(cluster);
  return {
    serverDir: files.serverDir,
    host: '0.0.0.0',
    port: cluster.apiPort,
    serviceCidr: cluster.serviceCidr,
    clusterDomain: cluster.clusterDomain,
    advertiseAddresses: await nodeAddresses(),
    kubeconfig: files.adminKubeconfig,
    context: contextName(cluster),
    controllers: selectControllers(['*']),
    scheduler: true,
    runtimeConfig: {},
    featureGates: {},
    agent: { nodeName: cluster.nodeName, file: files.agentCredentials },
    log: createLogger('server'),
    failed,
  };
}

function aloneSettings(flags: ServerFlags, failed: (reason: Error) => void): ServerSettings {
  const dataDir = resolve(flags['data-dir'] ?? defaultDataDir());
  let controllers: ReadonlySet<string>;
  try {
    controllers = selectControllers((flags.controllers ?? '*').split(','));
  } catch (cause) {
    throw new CliError(`--controllers: ${(cause as Error).message}`, { cause });
  }
  return {
    serverDir: join(dataDir, 'server'),
    host: '127.0.0.1',
    port: flags['api-port'] === undefined ? DEFAULT_API_PORT : parsePort('api-port', flags['api-port']),
    serviceCidr: checkCidr('service-cidr', flags['service-cidr'] ?? '10.43.0.0/16', 8, 27),
    clusterDomain: 'cluster.local',
    advertiseAddresses: [],
    kubeconfig: resolve(flags.kubeconfig ?? join(dataDir, 'kubeconfig')),
    context: 'dhow-server',
    controllers,
    scheduler: !flags['disable-scheduler'],
    runtimeConfig: switches('runtime-config', flags['runtime-config']),
    featureGates: switches('feature-gates', flags['feature-gates']),
    log: createLogger('server', 'warn'),
    failed,
  };
}

/** Without root there is no /var/lib to write to. Source: XDG base directory specification. */
function defaultDataDir(): string {
  if (process.getuid?.() === 0) return '/var/lib/dhow-server';
  return join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'dhow');
}

/** `a=true,b=false` as upstream's map flags have it; a key alone means true. */
function switches(flag: string, text: string | undefined): Readonly<Record<string, boolean>> {
  const entries = (text ?? '')
    .split(',')
    .filter(Boolean)
    .map((pair): [string, boolean] => {
      const [key = '', value = 'true'] = pair.split('=');
      if (value !== 'true' && value !== 'false')
        throw new CliError(`--${flag} takes NAME=true or NAME=false, not ${pair}`);
      return [key, value === 'true'];
    });
  return Object.fromEntries(entries);
}
