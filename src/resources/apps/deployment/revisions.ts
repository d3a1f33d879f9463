import type { Draft } from '#machinery/object.ts';
import type { Deployment, ReplicaSet } from '#machinery/types/apps-v1.ts';
import { controllerReference } from '#reconciler/owners.ts';
import { TEMPLATE_HASH_LABEL, templateHash } from './template-hash.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

type Annotations = Readonly<Record<string, string>>;

/** Annotations of a deployment that belong to it alone. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);
const MAX_HISTORY_CHARACTERS = 2000;

export function revisionOf({ metadata }: ReplicaSet): number {
  const revision = Number(metadata.annotations?.[REVISION] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** The revision that the current template gets: one above all others. */
export function nextRevision(others: readonly ReplicaSet[]): number {
  return others.reduce((highest, set) => Math.max(highest, revisionOf(set)), 0) + 1;
}

export function numberAnnotation(set: ReplicaSet, name: string): number | undefined {
  const text = set.metadata.annotations?.[name];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** What an existing set's annotations become when it holds the current template (again, after a rollback). */
export function annotationsOfCurrentSet(deployment: Deployment, set: ReplicaSet, revision: number): Annotations {
  const before = set.metadata.annotations ?? {};
  const annotations = { ...before, ...copiedAnnotations(deployment) };
  if (revisionOf(set) >= revision) return annotations;
  annotations[REVISION] = String(revision);
  const oldRevision = before[REVISION];
  if (oldRevision !== undefined) annotations[REVISION_HISTORY] = withHistory(before[REVISION_HISTORY], oldRevision);
  return annotations;
}

/** The oldest revisions are dropped where the list grows too long. */
function withHistory(history: string | undefined, revision: string): string {
  const revisions = history ? history.split(',') : [];
  revisions.push(revision);
  while (revisions.join(',').length > MAX_HISTORY_CHARACTERS) revisions.shift();
  return revisions.join(',');
}

export function replicasAnnotations(deployment: Deployment, maxSurge: number): Annotations {
  const replicas = deployment.spec.replicas ?? 1;
  return { [DESIRED_REPLICAS]: String(replicas), [MAX_REPLICAS]: String(replicas + maxSurge) };
}

function copiedAnnotations({ metadata }: Deployment): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name)));
}

/** The replica set of the current template, as it is created. */
export function newReplicaSet(
  deployment: Deployment,
  { revision, replicas, maxSurge }: { readonly revision: number; readonly replicas: number; readonly maxSurge: number },
): Pick<Draft<ReplicaSet>, 'metadata'> & { readonly spec: ReplicaSet['spec'] } {
  const { metadata, spec, status } = deployment;
  const hash = templateHash(spec.template, status.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      labels,
      annotations: {
        ...copiedAnnotations(deployment),
        ...replicasAnnotations(deployment, maxSurge),
        [REVISION]: String(revision),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector?.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}
