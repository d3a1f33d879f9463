import { packTar } from 'modern-tar';
import { buildImage, type Image } from './image-archive.ts';
import { type Architecture, pauseExecutable } from './pause-elf.ts';

/** Name of the sandbox image. The host part is nobody's, so that it is never looked for anywhere. */
export const PAUSE_IMAGE = 'dhow.invalid/pause:1';

export async function pauseImage(architecture: Architecture): Promise<Image> {
  const body = pauseExecutable(architecture);
  const layer = await packTar([
    { header: { name: 'pause', size: body.byteLength, mode: 0o755, mtime: new Date(0), uid: 0, gid: 0 }, body },
  ]);
  return buildImage({ architecture, layers: [layer], config: { Entrypoint: ['/pause'], User: '65535:65535' } });
}

/** The architecture of this machine in the words of images and node labels. */
export function machineArchitecture(arch: string = process.arch): Architecture {
  if (arch === 'x64') return 'amd64';
  if (arch === 'arm64') return 'arm64';
  throw new Error(`no support for machines of type ${arch}: only x64 and arm64`);
}
