import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CniOptions {
  /** Folder that the container runtime reads its network configuration from. */
  readonly configFolder: string;
  /** Folder for the addresses that are given out; must outlive a restart. */
  readonly dataFolder: string;
  /** This node's part of the pod range. */
  readonly nodePodCidr: string;
}

/**
 * The CNI configuration: ptp, so that every packet crosses the host's netfilter hooks, with addresses of host-local and
 * without masquerading by the plug-in (our table does it). Source: CNI specification 1.0.0.
 */
function cniConfig({ dataFolder, nodePodCidr }: CniOptions): object {
  return {
    cniVersion: '1.0.0',
    name: 'dhow',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: nodePodCidr }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: dataFolder,
        },
      },
    ],
  };
}

/** Writes the configuration at once or not at all; the runtime notices the file by itself. */
export async function writeCniConfig(options: CniOptions): Promise<void> {
  await mkdir(options.configFolder, { recursive: true });
  await mkdir(options.dataFolder, { recursive: true });
  const file = join(options.configFolder, '10-dhow.conflist');
  const temporary = `${file}.tmp`;
  await writeFile(temporary, `${JSON.stringify(cniConfig(options), undefined, 2)}\n`);
  await rename(temporary, file);
}
