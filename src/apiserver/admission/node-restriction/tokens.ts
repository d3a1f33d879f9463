import { conflictError, notFoundError } from '#machinery/status.ts';
import type { TokenRequest } from '#machinery/types/authentication-v1.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { persistentVolume } from '#resources/core/persistent-volume/persistent-volume.ts';
import { persistentVolumeClaim } from '#resources/core/persistent-volume-claim/persistent-volume-claim.ts';
import { pod as pods } from '#resources/core/pod/pod.ts';
import { csiDriver } from '#resources/storage/csi-driver/csi-driver.ts';
import type { Listers } from '../../listers.ts';
import { refusal } from '../refuse.ts';
import type { NodeWrite } from './node-write.ts';

/** A node asks for tokens of its pods, bound to the pod as it is now, for audiences that the pod names. */
export async function checkTokenRequest(write: NodeWrite): Promise<void> {
  const { node, request, listers } = write;
  const { spec } = (request.object ?? {}) as Partial<TokenRequest>;
  const bound = spec?.boundObjectRef;
  if (!bound || bound.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name) {
    throw refusal(request, 'node requested token not bound to a pod');
  }
  if (!bound.uid) throw refusal(request, 'node requested token with a pod binding without a uid');
  const pod = listers(pods).get(bound.name, request.namespace);
  if (!pod) throw notFoundError({ group: '', resource: 'pods' }, bound.name);
  if (bound.uid !== pod.metadata.uid) {
    throw conflictError(
      { group: '', resource: 'pods' },
      bound.name,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec.nodeName !== node) {
    throw refusal(request, 'node requested token bound to a pod scheduled on a different node');
  }
  await checkAudience(write, pod, spec?.audiences ?? []);
}

async function checkAudience(write: NodeWrite, pod: Pod, audiences: readonly string[]): Promise<void> {
  const { request, listers } = write;
  const [audience = '', ...more] = audiences;
  if (more.length > 0) throw refusal(request, 'node may only request 0 or 1 audiences');
  if (podNames(pod, audience) || driversOf(listers, pod).some((name) => driverNames(listers, name, audience))) return;
  if (await mayRequest(write, audience)) return;
  throw refusal(request, `audience ${JSON.stringify(audience)} not found in pod spec volume`);
}

function podNames({ spec }: Pod, audience: string): boolean {
  return (spec.volumes ?? []).some(({ projected }) =>
    (projected?.sources ?? []).some(
      ({ serviceAccountToken }) => serviceAccountToken && (serviceAccountToken.audience ?? '') === audience,
    ),
  );
}

/** CSI drivers of a pod's volumes: inline ones, and those of the volumes behind its claims. */
function driversOf(listers: Listers, { metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    if (volume.csi) return [volume.csi.driver];
    const claimName =
      volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral && `${metadata.name}-${volume.name}`);
    if (!claimName) return [];
    const claim = listers(persistentVolumeClaim).get(claimName, metadata.namespace);
    const driver = claim?.spec.volumeName && listers(persistentVolume).get(claim.spec.volumeName)?.spec.csi?.driver;
    return driver ? [driver] : [];
  });
}

function driverNames(listers: Listers, driver: string, audience: string): boolean {
  const requests = listers(csiDriver).get(driver)?.spec.tokenRequests ?? [];
  return requests.some((request) => request.audience === audience);
}

/** An administrator may let nodes ask for more, for credential providers of images. Source: KEP-4412. */
async function mayRequest({ request, authorizer }: NodeWrite, audience: string): Promise<boolean> {
  const { decision } = await authorizer.authorize({
    user: request.user,
    verb: 'request-serviceaccounts-token-audience',
    isResource: true,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace: request.namespace,
    name: request.name,
    path: '',
  });
  return decision === 'allow';
}
