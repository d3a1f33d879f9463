import { CliError } from './cli-error.ts';

interface Command {
  /** Shown in the list of commands; absent for those that processes start themselves. */
  readonly summary?: string;
  readonly usage: string;
  readonly load: () => Promise<(args: readonly string[]) => Promise<void>>;
}

/** Everything that `dhow` can be asked to do. */
const commands: Readonly<Record<string, Command>> = {
  up: {
    summary: 'start a cluster on this machine, or go on with one that was stopped',
    usage:
      'up [--name N] [--data-dir D] [--api-port P] [--pod-cidr C] [--service-cidr C] [--kubeconfig F] [--resolv-conf F] [--foreground]',
    load: async () => (await import('./lifecycle/up.ts')).up,
  },
  status: {
    summary: 'say what runs and where',
    usage: 'status [--name N] [--data-dir D]',
    load: async () => (await import('./lifecycle/status.ts')).status,
  },
  down: {
    summary: 'stop containers and processes, keep all state',
    usage: 'down [--name N] [--data-dir D]',
    load: async () => (await import('./lifecycle/down.ts')).down,
  },
  delete: {
    summary: 'stop the cluster and remove everything it made (also: reset)',
    usage: 'delete [--name N] [--data-dir D] [--kubeconfig F] [--yes]',
    load: async () => (await import('./lifecycle/delete.ts')).deleteCluster,
  },
  kubeconfig: {
    summary: 'print the kubeconfig of the cluster',
    usage: 'kubeconfig [--name N] [--data-dir D] [--path]',
    load: async () => (await import('./lifecycle/kubeconfig.ts')).printKubeconfig,
  },
  image: {
    summary: 'load container images from a file or standard input',
    usage: 'image load FILE|- [--name N] [--data-dir D]',
    load: async () => (await import('./lifecycle/image.ts')).image,
  },
  server: {
    summary: 'run the control plane alone, in the foreground',
    usage:
      'server [--data-dir D] [--api-port P] [--service-cidr C] [--kubeconfig F] [--controllers LIST] [--disable-scheduler] [--runtime-config LIST] [--feature-gates LIST]',
    load: async () => (await import('./server/command.ts')).server,
  },
  version: {
    summary: 'print the version',
    usage: 'version',
    load: async () => (await import('./version.ts')).printVersion,
  },
  supervise: { usage: 'supervise --run-dir D', load: async () => (await import('./lifecycle/supervise.ts')).supervise },
  agent: { usage: 'agent --run-dir D', load: async () => (await import('./agent/command.ts')).agent },
};

const aliases: Readonly<Record<string, string>> = { reset: 'delete', '--version': 'version' };

/** Runs one command line; sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  process.umask(0o077); // what a cluster keeps on disk is for its owner alone
  const [first, ...rest] = args;
  try {
    await dispatch(first, rest);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    process.stderr.write(`dhow: ${error.message}\n`);
    process.exitCode = 1;
  }
}

async function dispatch(first: string | undefined, rest: readonly string[]): Promise<void> {
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    process.stdout.write(help());
    return;
  }
  const command = commands[aliases[first] ?? first];
  if (!command) throw new CliError(`unknown command ${JSON.stringify(first)}: see dhow help`);
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`usage: dhow ${command.usage}\n`);
    return;
  }
  const run = await command.load();
  await run(rest);
}

function help(): string {
  const shown = Object.entries(commands).flatMap(([name, { summary }]) =>
    summary ? [`  ${name.padEnd(12)}${summary}`] : [],
  );
  return `Dhow: Kubernetes in one program.\n\nusage: dhow COMMAND [FLAG...]\n\n${shown.join('\n')}\n\ndhow COMMAND --help lists the flags of a command.\n`;
}
