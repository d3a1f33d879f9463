import { mkdir, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/client.ts';
import type { Pod, Volume } from '#machinery/types/core-v1.ts';
import type { References } from '../containers/references.ts';
import { bytes, kernelLimits } from '../cgroups/kernel-limits.ts';
import type { AnyContainer } from '../containers/containers.ts';
import { expandStrictly } from '../containers/expansion.ts';
import { writeAtomically } from './atomic-writer.ts';
import { prepareHostPath } from './host-path.ts';
import { mountTmpfs, unmountBelow } from './mounts.ts';
import { belongsToGroup, giveToGroup } from './ownership.ts';
import { hasPayload, volumePayload } from './payload.ts';
import { mountSubPath } from './sub-path.ts';
import { PodTokens } from './tokens.ts';

export interface PodVolumesOptions {
  readonly client: Client;
  readonly references: References;
  readonly podsRoot: string;
  /** Where one tmpfs is mounted that holds what must not reach a disk: the secrets and tokens of all pods. */
  readonly memoryRoot: string;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One mount as the container sees it, its source made and checked. */
export interface ReadyMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation?: string | undefined;
}

/** A volume that could not be made ready; the message is upstream's, without the volume's name. */
export class VolumeError extends Error {
  readonly volume: string;
  constructor(volume: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'VolumeError';
    this.volume = volume;
  }
}

/** Folder names of upstream's volume plug-ins, so that what lies on disk is where administrators look for it. */
const PLUGIN_FOLDERS: readonly (readonly [keyof Volume, string])[] = [
  ['emptyDir', 'kubernetes.io~empty-dir'],
  ['configMap', 'kubernetes.io~configmap'],
  ['secret', 'kubernetes.io~secret'],
  ['projected', 'kubernetes.io~projected'],
  ['downwardAPI', 'kubernetes.io~downward-api'],
];

/** Makes, refreshes and removes the volumes of pods on this node. */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #tokens: PodTokens;
  #writes = 0;
  #memory: Promise<void> | undefined;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
    this.#tokens = new PodTokens(options.client, options.clock);
  }

  /** Where a pod's files lie. */
  podFolder(uid: string): string {
    return join(this.#options.podsRoot, uid);
  }

  /** Makes every volume ready, or brings it up to date. Throws VolumeError for the first that cannot be. */
  async setUp(pod: Pod): Promise<void> {
    await mkdir(this.podFolder(pod.metadata.uid ?? ''), { recursive: true, mode: 0o750 });
    await Promise.all(
      (pod.spec.volumes ?? []).map((volume) =>
        this.#setUpOne(pod, volume).catch((error: unknown) => {
          throw new VolumeError(volume.name, error);
        }),
      ),
    );
  }

  /** When the pod's volumes should be looked at again because a token ages. */
  refreshAt(uid: string): number | undefined {
    return this.#tokens.refreshAt(uid);
  }

  /** A volume's place on the host. Throws for kinds of volumes that this node does not know. */
  hostPath(pod: Pod, volume: Volume): string {
    if (volume.hostPath) return volume.hostPath.path;
    const plugin = PLUGIN_FOLDERS.find(([field]) => volume[field] !== undefined)?.[1];
    if (plugin === undefined) {
      const kind = Object.keys(volume).find((field) => field !== 'name') ?? 'emptyDir';
      throw new Error(`no volume plugin matched: volumes of type ${kind} are not supported`);
    }
    const uid = pod.metadata.uid ?? '';
    const folder = inMemory(volume) ? join(this.#options.memoryRoot, uid) : this.podFolder(uid);
    return join(folder, 'volumes', plugin, volume.name);
  }

  /** The mounts of one container, subPaths resolved. `environment` is what subPathExpr reads. */
  async mounts(
    pod: Pod,
    container: AnyContainer,
    environment: ReadonlyMap<string, string>,
  ): Promise<readonly ReadyMount[]> {
    const result: ReadyMount[] = [];
    for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
      const volume = (pod.spec.volumes ?? []).find((one) => one.name === mount.name);
      if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
      const subPath = mount.subPathExpr ? expandStrictly(mount.subPathExpr, environment) : (mount.subPath ?? '');
      const whole = this.hostPath(pod, volume);
      const folder = join(this.podFolder(pod.metadata.uid ?? ''), 'volume-subpaths', volume.name, container.name);
      const hostPath = subPath
        ? await mountSubPath({ volume: whole, subPath, target: join(folder, String(index)) }).catch(
            (cause: unknown) => {
              throw new Error(
                `failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`,
                { cause },
              );
            },
          )
        : whole;
      result.push({
        hostPath,
        containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
        readOnly: (mount.readOnly ?? false) || hasPayload(volume),
        propagation: mount.mountPropagation,
      });
    }
    return result;
  }

  /** A file of a volume, read on the host; undefined where there is none. Never leaves the volume. */
  async file(pod: Pod, name: string, path: string): Promise<string | undefined> {
    const volume = (pod.spec.volumes ?? []).find((one) => one.name === name);
    if (!volume) return undefined;
    const root = await realpath(this.hostPath(pod, volume));
    const found = await realpath(join(root, path)).catch(() => undefined);
    if (found === undefined || relative(root, found).startsWith('..')) return undefined;
    return readFile(found, 'utf8');
  }

  /** Unmounts and deletes all that belongs to a pod. */
  async tearDown(uid: string): Promise<void> {
    const folder = this.podFolder(uid);
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
    await rm(join(this.#options.memoryRoot, uid), { recursive: true, force: true });
    this.#tokens.forget(uid);
  }

  /** Removes what pods that are gone have left. */
  async removeOrphans(uids: ReadonlySet<string>): Promise<void> {
    const { podsRoot, memoryRoot } = this.#options;
    const present = await Promise.all([podsRoot, memoryRoot].map((root) => readdir(root).catch(() => [])));
    for (const uid of new Set(present.flat())) {
      if (uids.has(uid)) continue;
      this.#options.log.info({ uid }, 'removing volumes of a pod that is gone');
      await this.tearDown(uid);
    }
  }

  async #setUpOne(pod: Pod, volume: Volume): Promise<void> {
    const folder = this.hostPath(pod, volume);
    if (volume.hostPath) return prepareHostPath(volume.hostPath);
    const group = pod.spec.securityContext?.fsGroup;
    if (volume.emptyDir) {
      await this.#makeEmptyDir(pod, volume, folder);
      if (await this.#isReady(folder)) return;
      const onMismatch = pod.spec.securityContext?.fsGroupChangePolicy === 'OnRootMismatch';
      if (group !== undefined && !(onMismatch && (await belongsToGroup(folder, Number(group)))))
        await giveToGroup(folder, Number(group), false);
      await this.#markReady(folder);
      return;
    }
    const payload = await volumePayload(volume, {
      pod,
      references: this.#options.references,
      allocatable: this.#options.allocatable,
      token: (projection) => this.#tokens.get(pod, projection),
    });
    if (inMemory(volume)) await this.#mountMemory();
    await mkdir(folder, { recursive: true, mode: 0o755 });
    this.#writes += 1;
    const stamp = `${this.#options.clock.now()}.${this.#writes}`;
    await writeAtomically(folder, payload, {
      stamp,
      ...(group === undefined ? {} : { finish: (path: string) => giveToGroup(path, Number(group), true) }),
    });
  }

  /** One for all, since mounting one for each volume takes two processes in the life of nearly every pod. */
  #mountMemory(): Promise<void> {
    const { memoryRoot } = this.#options;
    this.#memory ??= mkdir(memoryRoot, { recursive: true, mode: 0o711 })
      .then(() => mountTmpfs(memoryRoot, ['mode=0711']))
      .catch((error: unknown) => {
        this.#memory = undefined;
        throw error;
      });
    return this.#memory;
  }

  async #makeEmptyDir(pod: Pod, { emptyDir }: Volume, folder: string): Promise<void> {
    const existed = await stat(folder).then(
      () => true,
      () => false,
    );
    await mkdir(folder, { recursive: true, mode: 0o777 });
    if (emptyDir?.medium === 'Memory') {
      const limits = [bytes(emptyDir.sizeLimit), kernelLimits(pod).limitBytes ?? 0].filter((size) => size > 0);
      await mountTmpfs(folder, ['mode=0777', ...(limits.length > 0 ? [`size=${Math.min(...limits)}`] : [])]);
    }
    if (existed) return;
    await using handle = await open(folder);
    await handle.chmod(0o777); // whatever the umask is
  }

  /** A volume is given to its group once: what containers set later is theirs. */
  #readyFile(folder: string): string {
    return join(dirname(dirname(dirname(folder))), 'ready-volumes', folder.slice(folder.lastIndexOf('/') + 1));
  }

  #isReady(folder: string): Promise<boolean> {
    return stat(this.#readyFile(folder)).then(
      () => true,
      () => false,
    );
  }

  async #markReady(folder: string): Promise<void> {
    const file = this.#readyFile(folder);
    await mkdir(dirname(file), { recursive: true, mode: 0o750 });
    await writeFile(`${file}.new`, '');
    await rename(`${file}.new`, file);
  }
}

/** What these show must not reach a disk. */
function inMemory(volume: Volume): boolean {
  return volume.secret !== undefined || volume.projected !== undefined;
}
