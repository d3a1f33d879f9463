import { readFile } from 'node:fs/promises';
import { CliError } from '../cli-error.ts';
import { paths, requireCluster } from '../cluster.ts';
import { noOperands, parseFlags } from '../flags.ts';

/** `dhow kubeconfig [--path]`: the administrator's kubeconfig, or where it lies. */
export async function printKubeconfig(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('kubeconfig', args, { name: 'string', 'data-dir': 'string', path: 'boolean' });
  noOperands('kubeconfig', operands);
  const file = paths(await requireCluster(flags)).adminKubeconfig;
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CliError(`cannot read ${file}: run dhow up as root first`, { cause });
  });
  process.stdout.write(flags.path ? `${file}\n` : text);
}
