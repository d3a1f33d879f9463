import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '#machinery/types/core-v1.ts';
import { fieldValue, resourceFieldValue } from '../containers/field-ref.ts';
import type { References } from '../containers/references.ts';
import type { Payload, PayloadFile } from './atomic-writer.ts';

export interface PayloadInput {
  readonly pod: Pod;
  readonly references: References;
  readonly allocatable: Readonly<Record<string, string>>;
  /** A token for the pod's service account. */
  readonly token: (projection: ServiceAccountTokenProjection) => Promise<string>;
}

/** Whether a volume's contents are data of the API, kept up to date while the pod runs. */
export function hasPayload(volume: Volume): boolean {
  return Boolean(volume.configMap ?? volume.secret ?? volume.projected ?? volume.downwardAPI);
}

const DEFAULT_MODE = 0o644;

/** What a volume is to hold. Throws with upstream's message where something that is needed does not exist. */
export async function volumePayload(volume: Volume, input: PayloadInput): Promise<Payload> {
  if (volume.projected) {
    const mode = volume.projected.defaultMode ?? DEFAULT_MODE;
    const result = new Map<string, PayloadFile>();
    for (const source of volume.projected.sources ?? [])
      for (const [path, file] of await projection(source, mode, input)) result.set(path, file);
    return result;
  }
  if (volume.configMap) {
    const { name = '', items, optional, defaultMode = DEFAULT_MODE } = volume.configMap;
    return configMapFiles({ name, items, optional, mode: defaultMode }, input);
  }
  if (volume.secret) {
    const { secretName: name = '', items, optional, defaultMode = DEFAULT_MODE } = volume.secret;
    return secretFiles({ name, items, optional, mode: defaultMode }, input);
  }
  const { items = [], defaultMode = DEFAULT_MODE } = volume.downwardAPI ?? {};
  return downwardFiles(items, defaultMode, input);
}

async function projection(source: VolumeProjection, mode: number, input: PayloadInput): Promise<Payload> {
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap;
    return configMapFiles({ name, items, optional, mode }, input);
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret;
    return secretFiles({ name, items, optional, mode }, input);
  }
  if (source.downwardAPI) return downwardFiles(source.downwardAPI.items ?? [], mode, input);
  if (source.serviceAccountToken) {
    const data = Buffer.from(await input.token(source.serviceAccountToken));
    return new Map([[source.serviceAccountToken.path, tokenFile(input.pod, data, mode)]]);
  }
  throw new Error(`projected volume source ${Object.keys(source).join(', ')} is not supported`);
}

/** A token is for the pod's user alone: where all containers run as one it owns the file, else its group may read. */
function tokenFile(pod: Pod, data: Uint8Array, mode: number): PayloadFile {
  const shared = pod.spec.securityContext;
  if (shared?.fsGroup !== undefined) return { data, mode: 0o600 };
  const users = new Set(
    [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].map(
      (container) => container.securityContext?.runAsUser ?? shared?.runAsUser,
    ),
  );
  const [user] = users;
  return users.size === 1 && user !== undefined ? { data, mode: 0o600, owner: Number(user) } : { data, mode };
}

interface KeyedSource {
  readonly name: string;
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean | undefined;
  readonly mode: number;
}

async function configMapFiles(source: KeyedSource, { pod, references }: PayloadInput): Promise<Payload> {
  const found = await references.configMap(pod.metadata.namespace ?? '', source.name);
  if (!found && !source.optional) throw new Error(`configmap "${source.name}" not found`);
  return pick(source, found ? configMapData(found) : new Map(), 'configmap');
}

function configMapData(map: ConfigMap): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ...Object.entries(map.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(map.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ]);
}

async function secretFiles(source: KeyedSource, { pod, references }: PayloadInput): Promise<Payload> {
  const found = await references.secret(pod.metadata.namespace ?? '', source.name);
  if (!found && !source.optional) throw new Error(`secret "${source.name}" not found`);
  return pick(source, found ? secretData(found) : new Map(), 'secret');
}

function secretData(secret: Secret): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

function pick(source: KeyedSource, data: ReadonlyMap<string, Uint8Array>, kind: string): Payload {
  if (!source.items?.length) return new Map([...data].map(([key, value]) => [key, { data: value, mode: source.mode }]));
  const result = new Map<string, PayloadFile>();
  for (const { key, path, mode } of source.items) {
    const value = data.get(key);
    if (value !== undefined) result.set(path, { data: value, mode: mode ?? source.mode });
    else if (!source.optional)
      throw new Error(`${kind} references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${key}`);
  }
  return result;
}

function downwardFiles(items: readonly DownwardAPIVolumeFile[], mode: number, input: PayloadInput): Payload {
  const nowhere = { podIps: [], hostIps: [] };
  return new Map(
    items.map((item) => {
      const text = item.fieldRef
        ? fieldValue(input.pod, item.fieldRef.fieldPath, nowhere)
        : item.resourceFieldRef
          ? resourceFieldValue(
              input.pod,
              containerNamed(input.pod, item.resourceFieldRef.containerName),
              item.resourceFieldRef,
              input.allocatable,
            )
          : '';
      return [item.path, { data: Buffer.from(text), mode: item.mode ?? mode }];
    }),
  );
}

function containerNamed(pod: Pod, name: string | undefined) {
  const found = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])].find((one) => one.name === name);
  if (!found) throw new Error(`container ${name} not found`);
  return found;
}
