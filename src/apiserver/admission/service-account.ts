import type { Randomness } from '#base/random.ts';
import type { Draft } from '#machinery/object.ts';
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '#machinery/types/core-v1.ts';
import { isMirrorPod } from '#resources/core/pod/mirror.ts';
import { serviceAccount as serviceAccounts } from '#resources/core/service-account/service-account.ts';
import type { Lister, Listers } from '../listers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { podReferences } from '../pod-references.ts';
import { everyContainer, writtenPod } from './pod-request.ts';
import { refusal } from './refuse.ts';

const VOLUME_PREFIX = 'kube-api-access-';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';

/** A lifetime that the token handler knows: it extends it for clients that read the file only once. */
const TOKEN_SECONDS = 3607;

/** The values that strconv.ParseBool takes for true. */
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

/**
 * Gives every pod a service account, its token as a projected volume, and its image pull secrets.
 * Source: "Managing Service Accounts", ServiceAccount admission controller.
 */
export function serviceAccountAdmission(listers: Listers, random: Randomness): AdmissionPlugin {
  const accounts = listers(serviceAccounts);
  return {
    name: 'ServiceAccount',
    admit(request) {
      const pod = writtenPod(request, ['CREATE']);
      if (!pod) return;
      if (isMirrorPod(pod)) return checkMirrorPod(request, pod); // before validation says less
      pod.spec.serviceAccountName ||= 'default';
      const account = findAccount(accounts, request, pod.spec.serviceAccountName);
      const automount = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      if (automount) mountToken(pod.spec, random);
      if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        pod.spec.imagePullSecrets = account.imagePullSecrets.map((reference) => ({ ...reference }));
      }
    },
    validate(request) {
      const pod = writtenPod(request, ['CREATE']) ?? podWithEphemeralContainers(request);
      if (!pod) return;
      if (isMirrorPod(pod)) return checkMirrorPod(request, pod);
      const name = pod.spec.serviceAccountName;
      if (!name)
        throw refusal(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name}`);
      const account = findAccount(accounts, request, name);
      if (TRUE.has(account.metadata.annotations?.[ENFORCE_ANNOTATION] ?? '')) checkReferences(request, pod, account);
    },
  };
}

function podWithEphemeralContainers(request: AdmissionRequest): Pod | undefined {
  const written =
    request.group === '' &&
    request.resource === 'pods' &&
    request.subresource === 'ephemeralcontainers' &&
    request.operation === 'UPDATE';
  return written ? (request.object as Pod | undefined) : undefined;
}

function findAccount(accounts: Lister<ServiceAccount>, request: AdmissionRequest, name: string): ServiceAccount {
  const found = accounts.get(name, request.namespace);
  if (found) return found;
  const shown = `${request.namespace}/${name}`;
  throw refusal(request, `error looking up service account ${shown}: serviceaccount ${JSON.stringify(name)} not found`);
}

/** Mounts the token where nothing is mounted yet. The volume is added only if a container got it. */
function mountToken(spec: Draft<PodSpec>, random: Randomness): void {
  const existing = (spec.volumes ?? []).find(({ name }) => name.startsWith(VOLUME_PREFIX));
  const volumeName = existing?.name ?? freeName(spec, random);
  let mounted = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    mounted = mountInto(container, volumeName) || mounted;
  }
  if (mounted && !existing) spec.volumes = [...(spec.volumes ?? []), tokenVolume(volumeName)];
}

function freeName(spec: PodSpec, random: Randomness): string {
  const taken = new Set((spec.volumes ?? []).map(({ name }) => name));
  for (;;) {
    const name = `${VOLUME_PREFIX}${random.suffix(5)}`;
    if (!taken.has(name)) return name;
  }
}

function mountInto(container: Draft<Container>, name: string): boolean {
  const mounts = container.volumeMounts ?? [];
  if (mounts.some(({ mountPath }) => mountPath === MOUNT_PATH)) return false;
  container.volumeMounts = [...mounts, { name, readOnly: true, mountPath: MOUNT_PATH }];
  return true;
}

function tokenVolume(name: string): Draft<Volume> {
  return {
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

/** A mirror pod only shows what a node already runs: it must not make the API hand secrets to that node. */
function checkMirrorPod(request: AdmissionRequest, pod: Pod): void {
  if (pod.spec.serviceAccountName) throw refusal(request, 'a mirror pod may not reference service accounts');
  const { secrets, tokens } = podReferences(pod);
  if (secrets.size > 0) throw refusal(request, 'a mirror pod may not reference secrets');
  if (tokens) throw refusal(request, 'a mirror pod may not use serviceaccount token volume projections');
}

/** Where an account limits its secrets, pods may name only those. Source: the (deprecated) annotation above. */
function checkReferences(request: AdmissionRequest, { spec }: Pod, account: ServiceAccount): void {
  const allowed = new Set((account.secrets ?? []).map(({ name }) => name));
  const name = account.metadata.name;
  const refuse = (what: string, secret: string) => {
    const why = `is not allowed because service account ${name} does not reference that secret`;
    throw refusal(request, `${what} referencing secret.secretName="${secret}" ${why}`);
  };
  for (const { secret } of spec.volumes ?? []) {
    if (secret && !allowed.has(secret.secretName ?? '')) {
      const why = `is not allowed because service account ${name} does not reference that secret`;
      throw refusal(request, `volume with secret.secretName="${secret.secretName}" ${why}`);
    }
  }
  for (const { kind, container } of everyContainer(spec)) {
    for (const { name: variable, valueFrom } of container.env ?? []) {
      const secret = valueFrom?.secretKeyRef?.name;
      if (valueFrom?.secretKeyRef && !allowed.has(secret ?? '')) {
        refuse(`${kind} ${container.name} with envVar ${variable}`, secret ?? '');
      }
    }
    for (const { secretRef } of container.envFrom ?? []) {
      if (secretRef && !allowed.has(secretRef.name ?? ''))
        refuse(`${kind} ${container.name} with envFrom`, secretRef.name ?? '');
    }
  }
  const pulls = new Set((account.imagePullSecrets ?? []).map((reference) => reference.name));
  for (const { name: secret } of spec.imagePullSecrets ?? []) {
    if (pulls.has(secret)) continue;
    const why = `is not allowed because service account ${name} does not reference that imagePullSecret`;
    throw refusal(request, `imagePullSecret with secret.name="${secret}" ${why}`);
  }
}
