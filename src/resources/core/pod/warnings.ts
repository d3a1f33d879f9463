import type { KubeObject } from '#machinery/object.ts';
import { milliValue, parseQuantity } from '#machinery/quantity.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { fileWarnings } from './file-warnings.ts';
import type { Container, Pod, PodSpec } from '#machinery/types/core-v1.ts';

/** Texts for what is allowed and yet most likely not meant. */
export function podWarnings(pod: Pod, old: Pod | undefined): readonly string[] {
  return old ? [] : [...hostnameWarnings(pod), ...templateWarnings(pod, ''), ...annotationWarnings(pod)];
}

function hostnameWarnings({ metadata }: Pod): string[] {
  const messages = isDnsLabel(metadata.name ?? '', false);
  if (messages.length === 0) return [];
  return [
    `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
  ];
}

const DEPRECATED_ANNOTATIONS: readonly (readonly [prefix: string, text: string])[] = [
  ['seccomp.security.alpha.kubernetes.io/pod', 'non-functional in v1.27+; use the "seccompProfile" field instead'],
  [
    'container.seccomp.security.alpha.kubernetes.io/',
    'non-functional in v1.27+; use the "seccompProfile" field instead',
  ],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
];

/** A seccomp annotation that only repeats a field is not worth a word. */
function repeatsField(key: string, spec: PodSpec): boolean {
  if (key === 'seccomp.security.alpha.kubernetes.io/pod') return spec.securityContext?.seccompProfile !== undefined;
  const prefix = 'container.seccomp.security.alpha.kubernetes.io/';
  if (!key.startsWith(prefix)) return false;
  const container = (spec.containers ?? []).find(({ name }) => name === key.slice(prefix.length));
  return container?.securityContext?.seccompProfile !== undefined;
}

function annotationWarnings({ metadata, spec }: Pod): string[] {
  return Object.keys(metadata.annotations ?? {}).flatMap((key) => {
    const found = DEPRECATED_ANNOTATIONS.find(
      ([prefix]) => key === prefix || (prefix.endsWith('/') && key.startsWith(prefix)),
    );
    return found && !repeatsField(key, spec) ? [`metadata.annotations[${key}]: ${found[1]}`] : [];
  });
}

/** Warnings for the template of a new object, or of one whose generation a change has counted on. */
export function changedTemplateWarnings(
  { metadata }: KubeObject,
  old: KubeObject | undefined,
  template: Parameters<typeof templateWarnings>[0],
  path = 'spec.template.',
): readonly string[] {
  return metadata.generation === old?.metadata.generation ? [] : templateWarnings(template, path);
}

/** Warnings for a pod, or for a pod template at `path` (`spec.template.`). */
export function templateWarnings(
  template: { readonly metadata?: Pod['metadata']; readonly spec: PodSpec },
  path: string,
): readonly string[] {
  const { spec } = template;
  return [
    ...nodeLabelWarnings(spec, path),
    ...volumeWarnings(spec, path),
    ...containerWarnings(spec, path),
    ...portWarnings(spec, path),
    ...hostAliasWarnings(spec, path),
    ...nodeAffinityWarnings(spec, path),
    ...podAffinityWarnings(spec, path),
    ...fileWarnings(spec, path),
    ...duplicates((spec.imagePullSecrets ?? []).map(({ name }) => name ?? '')).map(
      ({ index, value }) => `${path}spec.imagePullSecrets[${index}].name: duplicate entry "${value}"`,
    ),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, index) =>
      name ? [] : [`${path}spec.imagePullSecrets[${index}].name: invalid empty name ""`],
    ),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${path}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ labelSelector, topologyKey }, index) => [
      ...(DEPRECATED_NODE_LABELS[topologyKey]
        ? [
            `${path}spec.topologySpreadConstraints[${index}].topologyKey: ${topologyKey} is ${DEPRECATED_NODE_LABELS[topologyKey]}`,
          ]
        : []),
      ...(labelSelector
        ? []
        : [
            `${path}spec.topologySpreadConstraints[${index}].labelSelector: a null labelSelector results in matching no pod`,
          ]),
    ]),
  ];
}

export const DEPRECATED_NODE_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

function nodeLabelWarnings({ nodeSelector }: PodSpec, path: string): string[] {
  return Object.keys(nodeSelector ?? {})
    .sort()
    .flatMap((key) => {
      const text = DEPRECATED_NODE_LABELS[key];
      return text ? [`${path}spec.nodeSelector[${key}]: ${text}`] : [];
    });
}

const DEPRECATED_VOLUMES: Readonly<Record<string, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

function volumeWarnings({ volumes }: PodSpec, path: string): string[] {
  return (volumes ?? []).flatMap((volume, index) => {
    const found = Object.entries(DEPRECATED_VOLUMES).find(([name]) => name in volume);
    return found ? [`${path}spec.volumes[${index}].${found[0]}: ${found[1]}`] : [];
  });
}

function containerWarnings(spec: PodSpec, path: string): string[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap((container, index) => [
      ...fractionalBytes(container, `${path}spec.${field}[${index}]`),
      ...duplicateEnv(container, `${path}spec.${field}[${index}]`),
    ]),
  );
}

/** Ports that two containers of one pod both name, or both take: rarely meant. */
function portWarnings(spec: PodSpec, path: string): string[] {
  const taken = new Map<string, string>();
  const seen = (key: string, here: string): string | undefined => {
    const before = taken.get(key);
    taken.set(key, before ?? here);
    return before;
  };
  return (['initContainers', 'containers'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap(({ ports }, index) =>
      (ports ?? []).flatMap(({ hostPort, hostIP, protocol, containerPort, name }, at) => {
        const here = `${path}spec.${field}[${index}].ports[${at}]`;
        const key = hostPort ? `${hostIP ?? ''}:${hostPort}` : `${field} ${containerPort}`;
        const port = seen(`${protocol}/${key}`, here);
        const named = name ? seen(`${field} name ${name}`, here) : undefined;
        return [
          ...(port ? [`${here}: duplicate port definition with ${port}`] : []),
          ...(named && !port
            ? [
                `${here}: duplicate port name "${name}" with ${named}, services and probes that select ports by name will use ${named}`,
              ]
            : []),
        ];
      }),
    ),
  );
}

function podAffinityWarnings({ affinity }: PodSpec, path: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((field) => {
    const at = `${path}spec.affinity.${field}`;
    const hard = affinity?.[field]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const soft = affinity?.[field]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [
      ...hard.map((term, index) => ({ term, at: `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]` })),
      ...soft.map(({ podAffinityTerm }, index) => ({
        term: podAffinityTerm,
        at: `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`,
      })),
    ];
    return terms.flatMap((each) =>
      each.term.labelSelector ? [] : [`${each.at}.labelSelector: a null labelSelector results in matching no pod`],
    );
  });
}

function hostAliasWarnings({ hostAliases }: PodSpec, path: string): string[] {
  return duplicates((hostAliases ?? []).map(({ ip }) => ip)).map(
    ({ index, value, first }) => `${path}spec.hostAliases[${index}].ip: duplicate ip "${value}" (at [${first}])`,
  );
}

function nodeAffinityWarnings({ affinity }: PodSpec, path: string): string[] {
  const {
    requiredDuringSchedulingIgnoredDuringExecution: hard,
    preferredDuringSchedulingIgnoredDuringExecution: soft,
  } = affinity?.nodeAffinity ?? {};
  const terms = [...(hard?.nodeSelectorTerms ?? []), ...(soft ?? []).map(({ preference }) => preference)];
  return terms
    .flatMap(({ matchExpressions }) => matchExpressions ?? [])
    .flatMap(({ key }) => {
      const text = DEPRECATED_NODE_LABELS[key];
      return text ? [`${path}spec.affinity.nodeAffinity: ${key} is ${text}`] : [];
    });
}

function fractionalBytes({ resources }: Pick<Container, 'resources'>, path: string): string[] {
  return (['limits', 'requests'] as const).flatMap((field) =>
    (['memory', 'ephemeral-storage'] as const).flatMap((name) => {
      const text = resources?.[field]?.[name];
      if (text === undefined || milliValue(parseQuantity(text)) % 1000n === 0n) return [];
      return [`${path}.resources.${field}[${name}]: fractional byte value "${text}" is invalid, must be an integer`];
    }),
  );
}

/** A variable that refers to its earlier value may come twice. */
function duplicateEnv({ env }: Pick<Container, 'env'>, path: string): string[] {
  return duplicates((env ?? []).map(({ name }) => name))
    .filter(({ index, value }) => !env?.[index]?.value?.includes(`$(${value})`))
    .map(
      ({ index, value, first }) =>
        `${path}.env[${index}]: hides previous definition of "${value}", which may be unexpected (at [${first}])`,
    );
}

function duplicates(
  values: readonly string[],
): { readonly index: number; readonly value: string; readonly first: number }[] {
  const seen = new Map<string, number>();
  return values.flatMap((value, index) => {
    const first = seen.get(value);
    if (first === undefined) seen.set(value, index);
    return value && first !== undefined ? [{ index, value, first }] : [];
  });
}
