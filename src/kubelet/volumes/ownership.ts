import { chmod, lchown, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const READ_ONLY_BITS = 0o440;
const READ_WRITE_BITS = 0o660;
const EXECUTE_BITS = 0o110;
const SET_GROUP_ID = 0o2000;

/**
 * Gives a volume to a group: all of it belongs to `group`, which may read (and write, unless `readOnly`), and what is
 * made in its folders belongs to the group too. Source: PodSecurityContext.fsGroup.
 */
export async function giveToGroup(folder: string, group: number, readOnly: boolean): Promise<void> {
  const info = await lstat(folder);
  await lchown(folder, -1, group);
  if (info.isSymbolicLink()) return;
  let mode = (info.mode & 0o7777) | (readOnly ? READ_ONLY_BITS : READ_WRITE_BITS);
  if (info.isDirectory()) mode |= SET_GROUP_ID | EXECUTE_BITS;
  await chmod(folder, mode);
  if (!info.isDirectory()) return;
  for (const name of await readdir(folder)) await giveToGroup(join(folder, name), group, readOnly);
}

/** Whether the top of a volume is the group's already, which is enough with fsGroupChangePolicy OnRootMismatch. */
export async function belongsToGroup(folder: string, group: number): Promise<boolean> {
  const info = await stat(folder);
  const bits = READ_WRITE_BITS | EXECUTE_BITS | SET_GROUP_ID;
  return info.gid === group && (info.mode & bits) === bits;
}
