import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { access, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { machineArchitecture, PAUSE_IMAGE, pauseImage } from '../images/pause-image.ts';
import { type ContainerRuntime, connectRuntime, unixTransport } from '../runtime/connect.ts';
import { RuntimeService } from '../runtime/cri/generated/runtime-v1_pb.ts';
import { containerdToml } from './config.ts';
import { importImage } from './image-import.ts';
import { type ContainerdServices, connectContainerd } from './services.ts';

export interface ContainerdOptions {
  /** Holds everything of this containerd: `root/`, `state/`, its socket, configuration, log and process id. */
  readonly dataDir: string;
  readonly cniConfDir: string;
  /** Found on the machine where absent. */
  readonly cniBinDir?: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the supervision; containerd itself and its containers go on. */
  readonly signal: AbortSignal;
  readonly systemdCgroup?: boolean;
  /** The program, where it is not `containerd` in PATH. */
  readonly program?: string;
}

/** A containerd of our own. It outlives this process unless it is stopped. */
export interface Containerd {
  readonly endpoint: string;
  readonly runtime: ContainerRuntime;
  readonly services: ContainerdServices;
  /** Ends containerd; containers that run go on under their shims. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 15;
/** How often a containerd that we did not start is looked at, and the wait before a dead one is started again. */
const SUPERVISE_MS = 1_000;
const STOP_TIMEOUT_MS = 10_000;

const CNI_BIN_DIRS = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];
/** Magic number of overlayfs in statfs(2): an overlay cannot lie on another one. */
const OVERLAYFS_MAGIC = 0x794c7630;
const CAP_SYS_RESOURCE = 24n;

/** Starts containerd, or adopts the one that an earlier run of ours left, and imports the sandbox image if missing. */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const paths = containerdPaths(options.dataDir);
  await prepare(options, paths);
  if (!(await answers(paths.socket))) await launch(options, paths);
  const containerd: Containerd = {
    endpoint: paths.socket,
    runtime: connectRuntime(paths.socket),
    services: connectContainerd(paths.socket),
    stop: () => stopContainerd(options.dataDir, options.clock),
  };
  const present = await containerd.runtime.images.imageStatus({ image: { image: PAUSE_IMAGE } });
  if (!present.image) await importImage(containerd.services, await pauseImage(machineArchitecture()), [PAUSE_IMAGE]);
  supervise(options, paths).catch((error: unknown) => {
    if (!options.signal.aborted) options.log.error({ err: error }, 'supervision of containerd ended');
  });
  return containerd;
}

/** Ends the containerd of a data directory, whoever started it. */
export async function stopContainerd(dataDir: string, clock: Clock): Promise<void> {
  const pid = await readPid(containerdPaths(dataDir).pidFile);
  if (pid === undefined || !(await isContainerd(pid))) return;
  await rm(containerdPaths(dataDir).pidFile, { force: true });
  process.kill(pid, 'SIGTERM');
  const end = clock.now() + STOP_TIMEOUT_MS;
  while (await isContainerd(pid)) {
    if (clock.now() > end) process.kill(pid, 'SIGKILL');
    await clock.sleep(POLL_MS);
  }
}

interface ContainerdPaths {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly config: string;
  readonly log: string;
  readonly pidFile: string;
  readonly registries: string;
}

export function containerdPaths(dataDir: string): ContainerdPaths {
  return {
    root: join(dataDir, 'root'),
    state: join(dataDir, 'state'),
    socket: join(dataDir, 'containerd.sock'),
    config: join(dataDir, 'config.toml'),
    log: join(dataDir, 'containerd.log'),
    pidFile: join(dataDir, 'containerd.pid'),
    registries: join(dataDir, 'registries'),
  };
}

async function prepare(options: ContainerdOptions, paths: ContainerdPaths): Promise<void> {
  for (const folder of [options.dataDir, paths.root, paths.state, paths.registries, options.cniConfDir])
    await mkdir(folder, { recursive: true, mode: 0o711 });
  const toml = containerdToml({
    root: paths.root,
    state: paths.state,
    socket: paths.socket,
    cniConfDir: options.cniConfDir,
    cniBinDir: options.cniBinDir ?? (await firstThatExists(CNI_BIN_DIRS)),
    sandboxImage: PAUSE_IMAGE,
    registryConfigDir: paths.registries,
    snapshotter: (await statfs(options.dataDir)).type === OVERLAYFS_MAGIC ? 'native' : 'overlayfs',
    systemdCgroup: options.systemdCgroup ?? false,
    restrictOomScoreAdj: !(await hasCapability(CAP_SYS_RESOURCE)),
  });
  await writeFile(paths.config, toml, { mode: 0o600 });
}

async function firstThatExists(folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    try {
      await access(join(folder, 'loopback'));
      return folder;
    } catch {
      // The next one may have it.
    }
  }
  throw new Error(`no CNI plug-ins in ${folders.join(', ')}: install the package containernetworking-plugins`);
}

async function hasCapability(bit: bigint): Promise<boolean> {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n;
}

async function answers(socket: string): Promise<boolean> {
  try {
    await createClient(RuntimeService, unixTransport(socket)).version({}, { timeoutMs: 2_000 });
    return true;
  } catch {
    return false;
  }
}

/** Starts containerd on its own, so that it lives on without us, and waits until it answers. */
async function launch(options: ContainerdOptions, paths: ContainerdPaths): Promise<void> {
  await stopContainerd(options.dataDir, options.clock);
  await rm(paths.socket, { force: true });
  await rm(`${paths.socket}.ttrpc`, { force: true });
  const output = openSync(paths.log, 'a', 0o600);
  const child = spawn(options.program ?? 'containerd', ['--config', paths.config], {
    detached: true,
    stdio: ['ignore', output, output],
    // The shims look for runc, mount helpers and each other by PATH.
    env: { PATH: ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(delimiter) },
  });
  closeSync(output);
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(new Error('cannot start containerd: is the package installed?', { cause })));
    child.once('exit', (code, signal) => {
      reject(new Error(`containerd ended with ${signal ?? code}: see ${paths.log}`));
    });
  });
  failed.catch(() => undefined); // only of interest while we wait below; later the supervision sees it
  child.unref();
  if (child.pid !== undefined) await writeFile(paths.pidFile, `${child.pid}\n`);
  const end = options.clock.now() + START_TIMEOUT_MS;
  const ready = async () => {
    while (!(await socketExists(paths.socket)) || !(await answers(paths.socket))) {
      if (options.clock.now() > end)
        throw new Error(`containerd did not answer in ${START_TIMEOUT_MS} ms: see ${paths.log}`);
      await options.clock.sleep(POLL_MS, options.signal);
    }
  };
  await Promise.race([ready(), failed]);
}

async function socketExists(socket: string): Promise<boolean> {
  try {
    await access(socket);
    return true;
  } catch {
    return false;
  }
}

async function supervise(options: ContainerdOptions, paths: ContainerdPaths): Promise<void> {
  while (!options.signal.aborted) {
    await options.clock.sleep(SUPERVISE_MS, options.signal);
    const pid = await readPid(paths.pidFile);
    if (pid === undefined) continue; // stopped on purpose
    if (await isContainerd(pid)) continue;
    options.log.warn({ pid }, 'containerd has died and is started again');
    try {
      await launch(options, paths);
    } catch (error) {
      options.log.error({ err: error }, 'containerd does not start');
    }
  }
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process lives and is a containerd: process ids are used again. */
async function isContainerd(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.includes('(containerd)') && !stat.includes(') Z ');
  } catch {
    return false;
  }
}
