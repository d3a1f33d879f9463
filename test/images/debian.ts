import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { command, tryCommand } from '#base/command.ts';

/** What a container does not need of a package's dependencies: they are for machines that are administered. */
const NEVER = [
  /^(debconf|dpkg|tar|adduser|passwd|usrmerge|ucf|sensible-utils|init-system-helpers|sysvinit-utils|lsb-base)$/,
  /^(perl.*|libperl.*|lib.*-perl|libgdbm.*|libdb5.3)$/,
  /^(libllvm.*|libz3-4|postgresql-common|postgresql-client-common|ssl-cert|iproute2|libbpf1|libelf1|libpam-.*)$/,
  /^(libsemanage.*|libsepol2|locales|libc-l10n|readline-common|libnginx-mod-.*|libcap2-bin)$/,
];

/** The packages with everything they need, as apt would install them on an empty system. */
export async function closureOf(packages: readonly string[]): Promise<readonly string[]> {
  const args = ['install', '-s', '-o', 'Dir::State::status=/dev/null', '--no-install-recommends', ...packages];
  let result = await tryCommand('apt-get', args);
  if (result.code !== 0) {
    await command('apt-get', ['update']);
    result = await command('apt-get', args);
  }
  const names = [...result.stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
  return names.filter((name) => packages.includes(name) || !NEVER.some((pattern) => pattern.test(name))).sort();
}

/** Fetches packages into a cache folder and unpacks them into `rootfs`. Their scripts do not run. */
export async function unpackPackages(packages: readonly string[], rootfs: string, cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const present = new Set(readdirSync(cache).map((file) => file.split('_')[0]));
  const missing = packages.filter((name) => !present.has(name));
  if (missing.length > 0) {
    const download = (names: readonly string[]) =>
      command('sh', ['-c', 'cd "$0" && exec apt-get download "$@"', cache, ...names]);
    await download(missing).catch(async () => {
      await command('apt-get', ['update']);
      await download(missing);
    });
  }
  mergeUsr(rootfs);
  const files = readdirSync(cache).filter((file) => packages.includes(file.split('_')[0] ?? ''));
  // dpkg-deb -x would put folders in the place of the links
  const unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"';
  for (const file of files) await command('sh', ['-c', unpack, join(cache, file), rootfs]);
}

/** /bin, /lib and /sbin are links into /usr, as on every Debian system. */
function mergeUsr(rootfs: string): void {
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    mkdirSync(join(rootfs, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(rootfs, name));
  }
}
