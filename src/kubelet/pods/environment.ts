import type { EnvVar, EnvVarSource, Pod, Service } from '#machinery/types/core-v1.ts';
import type { AnyContainer } from '../containers/containers.ts';
import { expand } from '../containers/expansion.ts';
import { type PodAddresses, fieldValue, resourceFieldValue } from '../containers/field-ref.ts';
import type { References } from '../containers/references.ts';

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly references: References;
  readonly addresses: PodAddresses;
  /** Services of the pod's namespace, and `kubernetes` of the namespace `default`. */
  readonly services: readonly Service[];
  /** Of the node, for resourceFieldRefs without a limit. */
  readonly allocatable: Readonly<Record<string, string>>;
  /** Reads `fileKeyRef`s: the host's folder of a volume. */
  readonly volumeFile: (volume: string, path: string) => Promise<string | undefined>;
}

/**
 * The environment of a container, in upstream's order of precedence: services, envFrom, env. Throws with upstream's
 * message where something that is needed does not exist.
 */
export async function environment(input: EnvironmentInput): Promise<ReadonlyMap<string, string>> {
  const linked = new Map(input.services.flatMap(serviceVariables));
  const result = new Map<string, string>();
  for (const source of input.container.envFrom ?? []) {
    const prefix = source.prefix ?? '';
    const data = source.configMapRef
      ? await configMapData(input, source.configMapRef.name ?? '', source.configMapRef.optional)
      : source.secretRef
        ? await secretData(input, source.secretRef.name ?? '', source.secretRef.optional)
        : new Map<string, string>();
    for (const [key, value] of data) if (isVariableName(prefix + key)) result.set(prefix + key, value);
  }
  const visible = new Map([...linked, ...result]);
  for (const variable of input.container.env ?? []) {
    const value = await valueOf(input, variable, visible);
    if (value === undefined) continue;
    result.set(variable.name, value);
    visible.set(variable.name, value);
  }
  for (const [name, value] of linked) if (!result.has(name)) result.set(name, value);
  return result;
}

/** Source: KEP-4369: any printable ASCII character but `=`. */
function isVariableName(name: string): boolean {
  return /^[ -<>-~]+$/.test(name);
}

async function valueOf(
  input: EnvironmentInput,
  variable: EnvVar,
  visible: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (variable.valueFrom) return sourceValue(input, variable.valueFrom);
  return expand(variable.value ?? '', visible);
}

async function sourceValue(input: EnvironmentInput, source: EnvVarSource): Promise<string | undefined> {
  const namespace = input.pod.metadata.namespace ?? '';
  if (source.fieldRef) return fieldValue(input.pod, source.fieldRef.fieldPath, input.addresses);
  if (source.resourceFieldRef) {
    const name = source.resourceFieldRef.containerName;
    const named = name ? (input.pod.spec.containers ?? []).find((container) => container.name === name) : undefined;
    if (name && !named) throw new Error(`container ${name} not found`);
    return resourceFieldValue(input.pod, named ?? input.container, source.resourceFieldRef, input.allocatable);
  }
  if (source.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const value = (await configMapData(input, name, optional)).get(key);
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef;
    const value = (await secretData(input, name, optional)).get(key);
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value;
  }
  if (source.fileKeyRef) return fileValue(input, source.fileKeyRef);
  return '';
}

async function fileValue(
  input: EnvironmentInput,
  { volumeName, path, key, optional }: NonNullable<EnvVarSource['fileKeyRef']>,
): Promise<string | undefined> {
  const text = await input.volumeFile(volumeName, path);
  if (text === undefined && !optional)
    throw new Error(`environment variable file ${path} does not exist in volume ${volumeName}`);
  const line = (text ?? '').split('\n').findLast((one) => one.startsWith(`${key}=`));
  if (line === undefined && !optional) throw new Error(`environment variable key "${key}" not found in file "${path}"`);
  return line?.slice(key.length + 1).replace(/^'(.*)'$/, '$1');
}

async function configMapData(
  { pod, references }: EnvironmentInput,
  name: string,
  optional = false,
): Promise<ReadonlyMap<string, string>> {
  const found = await references.configMap(pod.metadata.namespace ?? '', name);
  if (!found && !optional) throw new Error(`configmap "${name}" not found`);
  return new Map(Object.entries(found?.data ?? {}));
}

async function secretData(
  { pod, references }: EnvironmentInput,
  name: string,
  optional = false,
): Promise<ReadonlyMap<string, string>> {
  const found = await references.secret(pod.metadata.namespace ?? '', name);
  if (!found && !optional) throw new Error(`secret "${name}" not found`);
  return new Map(
    Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

/** Source: "Discovering services", environment variables. */
export function serviceVariables(service: Service): readonly (readonly [string, string])[] {
  const address = service.spec.clusterIP;
  const ports = service.spec.ports ?? [];
  const first = ports[0];
  if (!address || address === 'None' || !first) return [];
  const name = (service.metadata.name ?? '').toUpperCase().replaceAll('-', '_');
  const host = address.includes(':') ? `[${address}]` : address;
  const url = (port: (typeof ports)[number]) => `${(port.protocol ?? 'TCP').toLowerCase()}://${host}:${port.port}`;
  return [
    [`${name}_SERVICE_HOST`, address],
    [`${name}_SERVICE_PORT`, String(first.port)],
    ...ports
      .filter((port) => port.name)
      .map(
        (port) =>
          [`${name}_SERVICE_PORT_${(port.name ?? '').toUpperCase().replaceAll('-', '_')}`, String(port.port)] as const,
      ),
    [`${name}_PORT`, url(first)],
    ...ports.flatMap((port) => {
      const protocol = port.protocol ?? 'TCP';
      const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
      return [
        [prefix, url(port)],
        [`${prefix}_PROTO`, protocol.toLowerCase()],
        [`${prefix}_PORT`, String(port.port)],
        [`${prefix}_ADDR`, address],
      ] as const;
    }),
  ];
}
