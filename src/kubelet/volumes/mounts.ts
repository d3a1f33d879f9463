import { readFile } from 'node:fs/promises';
import { command } from '#base/command.ts';

/** Places below `folder` (itself included) where something is mounted, the deepest first. */
export async function mountsBelow(folder: string): Promise<readonly string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((place) => place === folder || place.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

/** mountinfo writes blanks, tabs, newlines and backslashes as octal numbers. */
function unescape(place: string): string {
  return place.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Takes away every mount below a folder. What is still in use disappears when its last user goes. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const place of await mountsBelow(folder)) await command('umount', ['--lazy', '--no-canonicalize', place]);
}

export async function mountTmpfs(folder: string, options: readonly string[]): Promise<void> {
  if ((await mountsBelow(folder)).includes(folder)) return;
  await command('mount', ['-t', 'tmpfs', ...(options.length > 0 ? ['-o', options.join(',')] : []), 'tmpfs', folder]);
}

/** Mounts `source`, taken exactly as it is written, on `target`. */
export async function bindMount(source: string, target: string): Promise<void> {
  await command('mount', ['--no-canonicalize', '--bind', source, target]);
}
