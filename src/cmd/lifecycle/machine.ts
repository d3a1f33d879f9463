import { existsSync } from 'node:fs';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { command } from '#base/command.ts';
import { CliError } from '../cli-error.ts';

/** What a node needs of the machine. `npm run setup` installs the Debian packages of these names. */
const NEEDED_PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['containerd', 'containerd'],
  ['runc', 'runc'],
  ['nft', 'nftables'],
  ['ip', 'iproute2'],
];
const NEEDED_CNI = ['/opt/cni/bin/ptp', '/usr/lib/cni/ptp', '/usr/libexec/cni/ptp'];

/** Throws CliError where this machine cannot run a node, before anything is made. */
export function checkMachine(): void {
  if (process.getuid?.() !== 0) throw new CliError('not root: run dhow up with sudo');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const missing = NEEDED_PROGRAMS.filter(
    ([program]) => !folders.some((folder) => existsSync(join(folder, program))),
  ).map(([, debianPackage]) => debianPackage);
  if (!NEEDED_CNI.some((file) => existsSync(file))) missing.push('containernetworking-plugins');
  if (missing.length > 0)
    throw new CliError(`missing on this machine: ${missing.join(', ')}: install with npm run setup`);
}

/** Whether a TCP port can be listened on. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/** Throws CliError where somebody listens on the port that the API server is to have. */
export async function requireFreePort(port: number): Promise<void> {
  if (await isPortFree(port)) return;
  const owner = await portOwner(port);
  throw new CliError(`port ${port} is taken${owner ? ` by ${owner}` : ''}: stop it, or choose another with --api-port`);
}

/** `nginx (pid 812)`, or undefined where it cannot be seen. */
async function portOwner(port: number): Promise<string | undefined> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A' && fields[1]?.endsWith(`:${hex}`) && fields[9]) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (!inodes.has(target)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a program')).trim();
      return `${name} (pid ${pid})`;
    }
  }
  return undefined;
}

interface Route {
  readonly dst: string;
  readonly dev?: string;
}

/** The first route of the machine that a range overlaps, as text; undefined where there is none. */
export async function overlappingRoute(cidr: string): Promise<string | undefined> {
  const { stdout } = await command('ip', ['-json', '-4', 'route', 'show', 'table', 'main']);
  const routes = JSON.parse(stdout || '[]') as readonly Route[];
  const found = routes.find(({ dst }) => dst !== 'default' && overlap(cidr, dst.includes('/') ? dst : `${dst}/32`));
  return found && `${found.dst}${found.dev ? ` (${found.dev})` : ''}`;
}

export function overlap(a: string, b: string): boolean {
  const [addressA, bitsA] = ipaddr.IPv4.parseCIDR(a);
  const [addressB, bitsB] = ipaddr.IPv4.parseCIDR(b);
  const bits = Math.min(bitsA, bitsB);
  return addressA.match(addressB, bits);
}

/** Throws CliError unless `text` is an IPv4 range from /`widest` to /`narrowest`. */
export function checkCidr(flag: string, text: string, widest: number, narrowest: number): string {
  const example = `a range such as 10.42.0.0/16 (from /${widest} to /${narrowest})`;
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) throw new CliError(`--${flag} takes ${example}, not ${text}`);
  const [address, bits] = ipaddr.IPv4.parseCIDR(text);
  if (bits < widest || bits > narrowest) throw new CliError(`--${flag} takes ${example}, not ${text}`);
  const network = ipaddr.IPv4.networkAddressFromCIDR(text).toString();
  if (network !== address.toString())
    throw new CliError(`--${flag}: ${text} has host bits, did you mean ${network}/${bits}?`);
  return text;
}
