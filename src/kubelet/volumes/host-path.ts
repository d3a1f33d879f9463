import { mkdir, open, stat } from 'node:fs/promises';
import type { HostPathVolumeSource } from '#machinery/types/core-v1.ts';

/** Makes or checks what a hostPath volume asks for. Source: core/v1 HostPathType. */
export async function prepareHostPath({ path, type }: HostPathVolumeSource): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const wrong = (what: string) => new Error(`hostPath type check failed: ${path} is not ${what}`);
  switch (type ?? '') {
    case '':
      if (!found) await mkdir(path, { recursive: true, mode: 0o755 });
      return;
    case 'DirectoryOrCreate':
      if (!found) await mkdir(path, { recursive: true, mode: 0o755 });
      else if (!found.isDirectory()) throw wrong('a directory');
      return;
    case 'FileOrCreate':
      if (!found) await (await open(path, 'a', 0o644)).close();
      else if (!found.isFile()) throw wrong('a file');
      return;
    case 'Directory':
      if (!found?.isDirectory()) throw wrong('a directory');
      return;
    case 'File':
      if (!found?.isFile()) throw wrong('a file');
      return;
    case 'Socket':
      if (!found?.isSocket()) throw wrong('a socket file');
      return;
    case 'CharDevice':
      if (!found?.isCharacterDevice()) throw wrong('a character device');
      return;
    case 'BlockDevice':
      if (!found?.isBlockDevice()) throw wrong('a block device');
      return;
    default:
      throw new Error(`unknown hostPath type ${type}`);
  }
}
