import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CORE_SCHEMA, dump, load } from 'js-yaml';
import { systemClock } from '#base/clock.ts';
import type { Transport } from './client.ts';
import { type HttpsOptions, httpsTransport } from './https.ts';

/** A kubeconfig file. Source: client.config.k8s.io v1 Config. Entries of other clients are kept as they are. */
export interface Kubeconfig {
  readonly apiVersion: 'v1';
  readonly kind: 'Config';
  readonly clusters: readonly NamedCluster[];
  readonly users: readonly NamedUser[];
  readonly contexts: readonly NamedContext[];
  readonly 'current-context': string;
  readonly preferences?: unknown;
}

export interface NamedCluster {
  readonly name: string;
  readonly cluster: {
    readonly server: string;
    /** Base64 of PEM. */
    readonly 'certificate-authority-data'?: string;
    readonly 'certificate-authority'?: string;
    readonly 'insecure-skip-tls-verify'?: boolean;
    readonly 'tls-server-name'?: string;
  };
}

export interface NamedUser {
  readonly name: string;
  readonly user: {
    readonly 'client-certificate-data'?: string;
    readonly 'client-certificate'?: string;
    readonly 'client-key-data'?: string;
    readonly 'client-key'?: string;
    readonly token?: string;
    readonly tokenFile?: string;
  };
}

export interface NamedContext {
  readonly name: string;
  readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string };
}

export const emptyKubeconfig: Kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [],
  users: [],
  contexts: [],
  'current-context': '',
};

/** Reads a kubeconfig; undefined where the file does not exist. Throws Error, naming the file, where it is corrupt. */
export async function readKubeconfig(file: string): Promise<Kubeconfig | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Error(`cannot read the kubeconfig ${file}`, { cause: error });
  });
  return text === undefined ? undefined : parseKubeconfig(text, file);
}

/** `file` is only for messages. */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  let data: unknown;
  try {
    data = text.trim() === '' ? {} : load(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    throw new Error(`the kubeconfig ${file} is not valid YAML`, { cause });
  }
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    throw new Error(`the kubeconfig ${file} is not a mapping`);
  }
  const config = data as Record<string, unknown>;
  for (const key of ['clusters', 'users', 'contexts']) {
    const entries = config[key] ?? [];
    if (!Array.isArray(entries)) throw new Error(`the kubeconfig ${file} is corrupt: ${key} is not a list`);
    for (const entry of entries) {
      const inner = entry?.[key.slice(0, -1)];
      if (typeof entry?.name !== 'string' || (inner !== undefined && typeof inner !== 'object')) {
        throw new Error(`the kubeconfig ${file} is corrupt: an entry of ${key} has no name`);
      }
    }
    config[key] = entries;
  }
  return { ...emptyKubeconfig, ...config } as Kubeconfig; // The lists were checked above.
}

/** A context with its cluster and user, all under one name. */
export interface ContextEntry {
  readonly name: string;
  readonly cluster: NamedCluster['cluster'];
  readonly user: NamedUser['user'];
  readonly namespace?: string;
}

/** Adds or replaces one context; all others stay. `makeCurrent` where it should become the current one. */
export function withContext(config: Kubeconfig, entry: ContextEntry, makeCurrent: boolean): Kubeconfig {
  const { name, cluster, user, namespace } = entry;
  const context = { cluster: name, user: name, ...(namespace ? { namespace } : {}) };
  return {
    ...config,
    clusters: replaced(config.clusters, { name, cluster }),
    users: replaced(config.users, { name, user }),
    contexts: replaced(config.contexts, { name, context }),
    'current-context': makeCurrent ? name : config['current-context'],
  };
}

/** Removes one context with its cluster and user (unless other contexts use them). */
export function withoutContext(config: Kubeconfig, name: string): Kubeconfig {
  const contexts = config.contexts.filter((context) => context.name !== name);
  const used = (key: 'cluster' | 'user') => new Set(contexts.map(({ context }) => context?.[key]));
  const clusters = used('cluster');
  const users = used('user');
  return {
    ...config,
    clusters: config.clusters.filter((cluster) => cluster.name !== name || clusters.has(name)),
    users: config.users.filter((user) => user.name !== name || users.has(name)),
    contexts,
    'current-context': config['current-context'] === name ? '' : config['current-context'],
  };
}

function replaced<Entry extends { readonly name: string }>(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  const at = entries.findIndex(({ name }) => name === entry.name);
  return at < 0 ? [...entries, entry] : entries.with(at, entry);
}

/** Writes the file at once or not at all, readable by its owner only. A symbolic link is followed, not replaced. */
export async function writeKubeconfig(file: string, config: Kubeconfig): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const target = await realpath(file).catch(() => file); // A new file has no real path yet.
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, dump(config, { lineWidth: -1 }), { mode: 0o600, flush: true });
    await chmod(temporary, 0o600);
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`cannot write the kubeconfig ${file}`, { cause });
  }
}

/** Tries, 20 ms apart, to take a kubeconfig's lock from another writer. */
const LOCK_RETRIES = 100;

/** Reads, changes and writes a kubeconfig under kubectl's own lock (`FILE.lock`), so that neither loses an edit. */
export async function updateKubeconfig(file: string, change: (config: Kubeconfig) => Kubeconfig): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const lock = `${file}.lock`;
  await takeLock(lock);
  try {
    await writeKubeconfig(file, change((await readKubeconfig(file)) ?? emptyKubeconfig));
  } finally {
    await rm(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await writeFile(lock, '', { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST' || tries >= LOCK_RETRIES) {
        throw new Error(`cannot lock the kubeconfig: remove ${lock} if no other program is writing it`, { cause });
      }
      await systemClock.sleep(20);
    }
  }
}

/** The transport of a context (the current one by default). Paths in the file are relative to the file. */
export async function kubeconfigTransport(
  config: Kubeconfig,
  file: string,
  contextName = config['current-context'],
): Promise<(Transport & Disposable) & { readonly namespace: string }> {
  const context = config.contexts.find(({ name }) => name === contextName)?.context;
  if (!context) throw new Error(`the kubeconfig ${file} has no context "${contextName}"`);
  const cluster = config.clusters.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster) throw new Error(`the kubeconfig ${file} has no cluster "${context.cluster}"`);
  const user = config.users.find(({ name }) => name === context.user)?.user ?? {};
  const pem = async (data: string | undefined, path: string | undefined) => {
    if (data) return Buffer.from(data, 'base64').toString('utf8');
    return path ? readFile(resolve(dirname(file), path), 'utf8') : undefined;
  };
  const ca = await pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const clientCert = await pem(user['client-certificate-data'], user['client-certificate']);
  const clientKey = await pem(user['client-key-data'], user['client-key']);
  const { tokenFile } = user;
  const token = tokenFile ? async () => (await readFile(resolve(dirname(file), tokenFile), 'utf8')).trim() : user.token;
  const options: HttpsOptions = {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(clientCert ? { clientCert } : {}),
    ...(clientKey ? { clientKey } : {}),
    ...(token ? { token } : {}),
    ...(cluster['insecure-skip-tls-verify'] ? { insecureSkipTlsVerify: true } : {}),
    ...(cluster['tls-server-name'] ? { tlsServerName: cluster['tls-server-name'] } : {}),
  };
  return Object.assign(httpsTransport(options), { namespace: context.namespace ?? 'default' });
}
