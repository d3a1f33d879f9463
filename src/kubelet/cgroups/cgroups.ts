import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { type QosClass, qosClassOf } from '#resources/core/pod/qos.ts';
import { CPU_PERIOD_US, cpuQuota, cpuShares, cpuWeight, kernelLimits } from './kernel-limits.ts';

/**
 * The cgroups of pods: `<root>/kubepods[/burstable|/besteffort]/pod<uid>`, made by us with the pod's own limits; the
 * runtime makes those of containers below them. Both cgroup versions, and systems that mount version 1 in part.
 */
export interface PodCgroups {
  readonly version: 1 | 2;
  /** Makes a pod's cgroup and returns its path as the runtime wants it. */
  create(pod: Pod): Promise<string>;
  /** Ends whatever still runs in a pod's cgroup, then removes it. */
  remove(uid: string, qos: QosClass): Promise<void>;
  /** Removes the cgroups of pods that are not in `uids`. */
  removeOrphans(uids: ReadonlySet<string>): Promise<void>;
  /** Removes everything below and including the root, once nothing runs any more. */
  removeAll(): Promise<void>;
}

export interface CgroupOptions {
  /** Absolute path under which `kubepods` is made: `/` or, for clusters side by side, `/dhow-NAME`. */
  readonly root: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mountPoint?: string;
}

const CONTROLLERS_V1 = [
  'cpu',
  'cpuacct',
  'memory',
  'pids',
  'cpuset',
  'blkio',
  'devices',
  'freezer',
  'systemd',
  'unified',
];
const QOS_FOLDERS: Readonly<Record<QosClass, string>> = {
  Guaranteed: '',
  Burstable: 'burstable',
  BestEffort: 'besteffort',
};
/** Freshly killed processes leave their cgroup a little later. */
const REMOVE_TRIES = 20;
const REMOVE_WAIT_MS = 25;

export async function openCgroups(options: CgroupOptions): Promise<PodCgroups> {
  const mountPoint = options.mountPoint ?? '/sys/fs/cgroup';
  const isV2 = await exists(join(mountPoint, 'cgroup.controllers'));
  const kubepods = join(options.root, 'kubepods');
  const hierarchies = isV2 ? [mountPoint] : await mountedHierarchies(mountPoint);
  const folder = (hierarchy: string, path: string) => join(hierarchy, path);
  const podPath = (uid: string, qos: QosClass) => join(kubepods, QOS_FOLDERS[qos], `pod${uid}`);

  async function make(path: string): Promise<void> {
    for (const hierarchy of hierarchies) await mkdir(folder(hierarchy, path), { recursive: true });
    if (isV2) await delegate(mountPoint, path);
  }

  /** Knobs that this kernel lacks are left out: the limit then holds at the container alone. */
  async function set(controller: string, path: string, file: string, value: string | number): Promise<void> {
    const base = isV2 ? mountPoint : join(mountPoint, controller);
    try {
      await writeFile(join(base, path, file), String(value));
    } catch (error) {
      options.log.debug({ err: error, file: join(path, file) }, 'a cgroup knob could not be set');
    }
  }

  async function limit(path: string, pod: Pod): Promise<void> {
    const { requestMilliCpu, limitMilliCpu, limitBytes } = kernelLimits(pod);
    if (isV2) {
      await set('cpu', path, 'cpu.weight', cpuWeight(requestMilliCpu));
      if (limitMilliCpu) await set('cpu', path, 'cpu.max', `${cpuQuota(limitMilliCpu)} ${CPU_PERIOD_US}`);
      if (limitBytes) await set('memory', path, 'memory.max', limitBytes);
      return;
    }
    await set('cpu', path, 'cpu.shares', cpuShares(requestMilliCpu));
    if (limitMilliCpu) {
      await set('cpu', path, 'cpu.cfs_period_us', CPU_PERIOD_US);
      await set('cpu', path, 'cpu.cfs_quota_us', cpuQuota(limitMilliCpu));
    }
    if (limitBytes) await set('memory', path, 'memory.limit_in_bytes', limitBytes);
  }

  async function removeTree(path: string): Promise<void> {
    for (let tries = 0; tries < REMOVE_TRIES; tries++) {
      const left = await Promise.all(hierarchies.map((hierarchy) => removeFolders(folder(hierarchy, path))));
      if (left.every((gone) => gone)) return;
      for (const hierarchy of hierarchies) await killAll(folder(hierarchy, path));
      await options.clock.sleep(REMOVE_WAIT_MS);
    }
    options.log.warn({ cgroup: path }, 'a cgroup could not be removed');
  }

  for (const qos of ['', 'burstable', 'besteffort']) await make(join(kubepods, qos));
  // Pods without requests get what the others leave.
  if (isV2) await set('cpu', join(kubepods, 'besteffort'), 'cpu.weight', cpuWeight(0));
  else await set('cpu', join(kubepods, 'besteffort'), 'cpu.shares', cpuShares(0));

  return {
    version: isV2 ? 2 : 1,
    async create(pod) {
      const path = podPath(pod.metadata.uid ?? '', qosClassOf(pod.spec));
      await make(path);
      await limit(path, pod);
      return path;
    },
    remove: (uid, qos) => removeTree(podPath(uid, qos)),
    async removeOrphans(uids) {
      for (const qos of Object.values(QOS_FOLDERS)) {
        const parent = join(kubepods, qos);
        for (const name of await folders(folder(hierarchies[0] ?? mountPoint, parent)))
          if (name.startsWith('pod') && !uids.has(name.slice(3))) await removeTree(join(parent, name));
      }
    },
    removeAll: () => removeTree(options.root === '/' ? kubepods : options.root),
  };
}

async function mountedHierarchies(mountPoint: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const controller of CONTROLLERS_V1)
    if (await exists(join(mountPoint, controller, 'cgroup.procs'))) found.push(join(mountPoint, controller));
  return found;
}

/** Hands the controllers down to the level of `path`, as version 2 asks at every level above it. */
async function delegate(mountPoint: string, path: string): Promise<void> {
  const parts = path.split('/').filter(Boolean);
  for (let depth = 0; depth < parts.length; depth++) {
    const parent = join(mountPoint, ...parts.slice(0, depth));
    const available = (await readFile(join(parent, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    const active = (await readFile(join(parent, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
    for (const controller of available)
      if (controller && !active.includes(controller))
        await writeFile(join(parent, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined); // not all may be handed down
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function folders(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Removes a cgroup from its leaves up; false where one is still in use. */
async function removeFolders(path: string): Promise<boolean> {
  for (const name of await folders(path)) if (!(await removeFolders(join(path, name)))) return false;
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

async function killAll(path: string): Promise<void> {
  for (const name of await folders(path)) await killAll(join(path, name));
  const text = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const pid of text.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
