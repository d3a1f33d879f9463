// `npm run setup`: installs what is missing (npm packages, Debian packages), builds the program, and nothing else.
// Runs on Node 20 before any package is there, so it imports only what Node brings.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a node needs of the machine: any one of the files stands for the Debian package. */
const NEEDED = [
  { debian: 'containerd', any: ['containerd'] },
  { debian: 'runc', any: ['runc'] },
  { debian: 'nftables', any: ['nft'] },
  { debian: 'iproute2', any: ['ip'] },
  { debian: 'conntrack', any: ['conntrack'] },
  { debian: 'mount', any: ['mount'] },
  { debian: 'util-linux', any: ['nsenter'] },
  { debian: 'containernetworking-plugins', any: ['/usr/lib/cni/ptp', '/opt/cni/bin/ptp', '/usr/libexec/cni/ptp'] },
];

function fail(message) {
  process.stderr.write(`dhow: ${message}\n`);
  process.exit(1);
}

function say(message) {
  process.stdout.write(`${message}\n`);
}

function isThere(program) {
  if (program.startsWith('/')) return existsSync(program);
  const path = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
  return path.split(delimiter).some((folder) => existsSync(join(folder, program)));
}

export function missingPackages() {
  return NEEDED.filter(({ any }) => !any.some(isThere)).map(({ debian }) => debian);
}

/** Runs a program with its output behind a spinner where there is a terminal, as plain lines elsewhere. */
async function step(title, command, args, env = {}) {
  const terminal = process.stdout.isTTY;
  const ora = terminal && existsSync(join(root, 'node_modules/ora')) ? (await import('ora')).default : undefined;
  const spinner = ora?.(title).start();
  if (!spinner) say(title);
  const started = Date.now();
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (data) => output.push(data));
  child.stderr.on('data', (data) => output.push(data));
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', resolve);
  });
  const took = `${((Date.now() - started) / 1000).toFixed(1)} s`;
  if (code === 0 && spinner) spinner.succeed(`${title} (${took})`);
  else if (code === 0) say(`  done in ${took}`);
  else {
    spinner?.fail(title);
    process.stderr.write(Buffer.concat(output).toString().split('\n').slice(-15).join('\n'));
  }
  return code === 0;
}

function npmPackagesFresh() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return (
    Object.entries(wanted).every(
      ([path, entry]) => path === '' || entry.optional || entry.peer || have[path]?.version === entry.version,
    ) && existsSync(join(root, `node_modules/node-linux-${process.arch}`))
  );
}

async function installNpmPackages() {
  if (!existsSync(join(root, 'package-lock.json')) || npmPackagesFresh()) return;
  // not `npm ci`: it refuses a lockfile that lacks packages for other systems which the registry at hand does not have
  const ok = await step('Installing npm packages', 'npm', ['install', '--no-save', '--ignore-scripts']);
  if (!ok) fail('cannot install the npm packages: is the package registry reachable?');
}

async function installDebianPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (!existsSync('/etc/debian_version') || !isThere('apt-get')) {
    fail(`this is not Debian: install ${missing.join(', ')} by the means of this system, then try again`);
  }
  if (process.getuid() !== 0) fail(`not root: run as root, or install these packages first: ${missing.join(' ')}`);
  const apt = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', '--no-remove', ...missing];
  const title = `Installing Debian packages: ${missing.join(', ')}`;
  if (hasPackageLists() && spawnSync('apt-get', ['-s', ...install], { stdio: 'ignore' }).status === 0) {
    if (await step(title, 'apt-get', install, apt)) return;
  }
  if (!(await step('Updating the list of Debian packages', 'apt-get', ['update'], apt))) {
    fail('cannot reach the Debian package mirror: check the network, then try again');
  }
  if (!(await step(title, 'apt-get', install, apt))) fail(`cannot install ${missing.join(', ')}: see the lines above`);
}

function hasPackageLists() {
  const lists = '/var/lib/apt/lists';
  return existsSync(lists) && readdirSync(lists).some((name) => name.endsWith('_Packages') || name.endsWith('.lz4'));
}

/** Newest modification below a folder, milliseconds. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

async function build() {
  if (!existsSync(join(root, 'src'))) return;
  const bundle = join(root, 'dist/dhow.mjs');
  const sources = ['src', 'data', 'package-lock.json', 'scripts/build.ts'].map((name) => newest(join(root, name)));
  if (existsSync(bundle) && statSync(bundle).mtimeMs > Math.max(...sources)) return;
  if (!(await step('Building', process.execPath, ['scripts/run.mjs', 'scripts/build.ts'])))
    fail('the build failed: see the lines above');
}

export async function setup() {
  if (process.platform !== 'linux') fail(`runs on Linux only, this is ${process.platform}`);
  if (!['x64', 'arm64'].includes(process.arch)) fail(`runs on x64 and arm64, this is ${process.arch}`);
  await installNpmPackages();
  await installDebianPackages();
  await build();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup();
