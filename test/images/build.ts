import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command } from '#base/command.ts';
import { buildImage, ociArchive } from '#kubelet/images/image-archive.ts';
import { machineArchitecture } from '#kubelet/images/pause-image.ts';
import { closureOf, unpackPackages } from './debian.ts';
import { type ImageName, type ImageRecipe, images } from './images.ts';

const cache = join(import.meta.dirname, '../../.cache');
const TAGS = ['test', '1', '2'];

/** The OCI archives of the images, built where the cache does not have them. */
export async function ensureImages(names: readonly ImageName[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of names) files.push(await ensureImage(name, images[name]));
  return files;
}

async function ensureImage(name: ImageName, recipe: ImageRecipe): Promise<string> {
  const source =
    readFileSync(join(import.meta.dirname, 'images.ts'), 'utf8') +
    readFileSync(join(import.meta.dirname, 'debian.ts'), 'utf8');
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 12);
  const folder = join(cache, 'images');
  const file = join(folder, `${name}-${hash}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const rootfs = mkdtempSync(join(tmpdir(), 'dhow-image-'));
  try {
    chmodSync(rootfs, 0o755);
    await unpackPackages(await closureOf(recipe.packages), rootfs, join(cache, 'debian'));
    await finish(rootfs, recipe);
    const layer = join(folder, `${name}-layer.tar`);
    await command('tar', [
      '-C',
      rootfs,
      '--numeric-owner',
      '--owner=0',
      '--group=0',
      '--sort=name',
      '--mtime=@0',
      '-cf',
      layer,
      '.',
    ]);
    const image = buildImage({
      architecture: machineArchitecture(),
      layers: [readFileSync(layer)],
      config: recipe.config,
    });
    writeFileSync(
      `${file}.tmp`,
      await ociArchive(
        image,
        TAGS.map((tag) => `docker.io/library/${name}:${tag}`),
      ),
    );
    renameSync(`${file}.tmp`, file);
    rmSync(layer);
    return file;
  } finally {
    rmSync(rootfs, { recursive: true, force: true });
  }
}

/** Files of our own, links to busybox for every command that no package brings, and folders to write to. */
async function finish(rootfs: string, recipe: ImageRecipe): Promise<void> {
  for (const path of recipe.without) rmSync(join(rootfs, path), { recursive: true, force: true });
  const { stdout } = await command(join(rootfs, 'usr/bin/busybox'), ['--list']);
  const present = new Set([...readdirSync(join(rootfs, 'usr/bin')), ...readdirSync(join(rootfs, 'usr/sbin'))]);
  for (const applet of stdout.trim().split('\n')) {
    if (!present.has(applet)) symlinkSync('busybox', join(rootfs, 'usr/bin', applet));
  }
  for (const [path, text] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), text);
    if (text.startsWith('#!')) chmodSync(join(rootfs, path), 0o755);
  }
  for (const path of ['etc', 'proc', 'sys', 'dev', 'run', 'root', ...recipe.writable])
    mkdirSync(join(rootfs, path), { recursive: true });
  for (const path of recipe.writable) chmodSync(join(rootfs, path), 0o1777);
}
