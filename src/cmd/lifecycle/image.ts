import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { containerdPaths } from '#kubelet/containerd/containerd.ts';
import { loadImageArchive } from '#kubelet/containerd/image-import.ts';
import { connectContainerd } from '#kubelet/containerd/services.ts';
import { CliError } from '../cli-error.ts';
import { containerdFolder, paths, requireCluster } from '../cluster.ts';
import { parseFlags } from '../flags.ts';
import { readPidFile } from './processes.ts';

/** `dhow image load FILE|-`: puts the images of an archive (docker save, OCI) onto the node. */
export async function image(args: readonly string[]): Promise<void> {
  const { flags, operands } = parseFlags('image', args, { name: 'string', 'data-dir': 'string' });
  const [verb, file, ...rest] = operands;
  if (verb !== 'load' || file === undefined || rest.length > 0) throw new CliError('usage: dhow image load FILE|-');
  const cluster = await requireCluster(flags);
  if (!(await readPidFile(paths(cluster).pidFile('agent')))) {
    throw new CliError(`the cluster ${cluster.name} is not running: start it with dhow up`);
  }
  if (file !== '-' && !(await stat(file).catch(() => undefined))?.isFile())
    throw new CliError(`there is no file ${file}`);
  const services = connectContainerd(containerdPaths(containerdFolder(cluster)).socket);
  try {
    const names = await loadImageArchive(services, file === '-' ? process.stdin : createReadStream(file));
    for (const name of names) process.stdout.write(`loaded ${name}\n`);
  } catch (error) {
    throw new CliError(`cannot load ${file === '-' ? 'standard input' : file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
