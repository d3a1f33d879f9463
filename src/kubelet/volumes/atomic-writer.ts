import { chmod, chown, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface PayloadFile {
  readonly data: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  /** Set where the file belongs to another user than root (tokens of pods that run as one user). */
  readonly owner?: number | undefined;
}

/** Files of a volume by their paths in it, with `/` between folders. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const DATA_LINK = '..data';

/**
 * Makes a folder show exactly `payload`, all of it changed at once for whoever reads it: files lie in a dated folder
 * to which `..data` points, and names at the top point through `..data`. Returns whether anything changed. `finish`
 * sees each new folder before it is shown. Source: the layout that Kubernetes documents for mounted ConfigMaps.
 */
export async function writeAtomically(
  folder: string,
  payload: Payload,
  options: { readonly stamp: string; readonly finish?: (path: string) => Promise<void> },
): Promise<boolean> {
  for (const path of payload.keys()) checkPath(path);
  const current = await readlink(join(folder, DATA_LINK)).catch(() => undefined);
  if (current !== undefined && (await holds(join(folder, current), payload))) return false;
  const next = `..${options.stamp}`;
  await rm(join(folder, next), { recursive: true, force: true });
  await mkdir(join(folder, next), { mode: 0o755 });
  await chmod(join(folder, next), 0o755); // whatever the umask is
  for (const [path, file] of payload) {
    const target = join(folder, next, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, file.data, { mode: file.mode });
    await chmod(target, file.mode);
    if (file.owner !== undefined) await chown(target, file.owner, -1);
  }
  await options.finish?.(join(folder, next));
  await rm(join(folder, `${DATA_LINK}_tmp`), { force: true });
  await symlink(next, join(folder, `${DATA_LINK}_tmp`));
  await rename(join(folder, `${DATA_LINK}_tmp`), join(folder, DATA_LINK));
  await linkNames(folder, payload);
  if (current !== undefined && current !== next) await rm(join(folder, current), { recursive: true, force: true });
  return true;
}

function checkPath(path: string): void {
  if (path === '' || path.startsWith('/')) throw new Error(`invalid path: must be relative path: ${path}`);
  const parts = path.split('/');
  if (parts.includes('..')) throw new Error(`invalid path: must not contain '..': ${path}`);
  if (path.startsWith('..')) throw new Error(`invalid path: must not start with '..': ${path}`);
}

async function holds(folder: string, payload: Payload): Promise<boolean> {
  const present = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = present.filter((entry) => entry.isFile());
  if (files.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    if (bytes === undefined || !bytes.equals(file.data)) return false;
  }
  return true;
}

async function linkNames(folder: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  for (const name of await readdir(folder)) {
    if (name.startsWith('..')) continue;
    if (!wanted.has(name)) await rm(join(folder, name), { recursive: true, force: true });
    wanted.delete(name);
  }
  for (const name of wanted) await symlink(join(DATA_LINK, name), join(folder, name));
}
