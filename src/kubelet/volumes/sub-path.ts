import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { bindMount, mountsBelow } from './mounts.ts';

/** Opens without following or touching what is opened; node has no name for it. Equal on x64 and arm64. */
const O_PATH = 0o10000000;
const NO_FOLLOW = O_PATH | constants.O_NOFOLLOW;

export interface SubPath {
  /** The volume on the host. */
  readonly volume: string;
  readonly subPath: string;
  /** Where the result is mounted; made here. */
  readonly target: string;
}

/**
 * Mounts a part of a volume on `target`. A container may swap folders for links at any moment (CVE-2017-1002101,
 * CVE-2021-25741): the path is resolved once, has to lie in the volume, and is then walked from the volume's root one
 * name at a time without following a link; what that walk holds open is what is mounted.
 */
export async function mountSubPath({ volume, subPath, target }: SubPath): Promise<string> {
  if ((await mountsBelow(target)).includes(target)) return target;
  const root = await realpath(volume);
  await makeMissing(root, subPath);
  const resolved = await realpath(join(root, subPath));
  const inside = relative(root, resolved);
  if (inside.startsWith('..') || inside.startsWith('/'))
    throw new Error(`subPath ${JSON.stringify(subPath)} is not within the volume`);
  await using handle = await walk(root, inside.split('/').filter(Boolean));
  const place = `/proc/${process.pid}/fd/${handle.fd}`;
  const isFolder = (await stat(place)).isDirectory();
  await mkdir(isFolder ? target : dirname(target), { recursive: true, mode: 0o750 });
  if (!isFolder) await writeFile(target, '', { flag: 'a', mode: 0o640 });
  await bindMount(place, target);
  return target;
}

/** Holds the folder or file at the end of `names` open. Throws where a name on the way is a link. */
async function walk(root: string, names: readonly string[]): Promise<FileHandle> {
  let handle = await open(root, NO_FOLLOW | constants.O_DIRECTORY);
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const parent = handle;
    try {
      handle = await open(`/proc/self/fd/${parent.fd}/${name}`, isLast ? NO_FOLLOW : NO_FOLLOW | constants.O_DIRECTORY);
    } finally {
      await parent.close();
    }
    // With O_PATH a link in last place is opened itself instead of being refused.
    if ((await handle.stat()).isSymbolicLink()) {
      await handle.close();
      throw new Error(`subPath: unexpected symlink found: ${name}`);
    }
  }
  return handle;
}

/** Makes the folders of a subPath that are not there, again without ever stepping through a link out of the volume. */
async function makeMissing(root: string, subPath: string): Promise<void> {
  const { mode } = await stat(root);
  const names = subPath.split('/').filter(Boolean);
  if (names.includes('..')) throw new Error(`subPath ${JSON.stringify(subPath)} must not contain '..'`);
  let present = root;
  while (names.length > 0) {
    const next = await realpath(join(present, names[0] ?? '')).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (next === undefined) break;
    if (next !== root && !next.startsWith(`${root}/`))
      throw new Error(`subPath ${JSON.stringify(subPath)} is not within the volume`);
    present = next;
    names.shift();
  }
  if (names.length === 0) return;
  let handle = await walk(root, relative(root, present).split('/').filter(Boolean));
  for (const name of names) {
    const parent = handle;
    try {
      await mkdir(`/proc/self/fd/${parent.fd}/${name}`, { mode: mode & 0o777 }).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error; // another container of the pod was faster
        },
      );
      handle = await open(`/proc/self/fd/${parent.fd}/${name}`, NO_FOLLOW | constants.O_DIRECTORY);
    } finally {
      await parent.close();
    }
  }
  await handle.close();
}
