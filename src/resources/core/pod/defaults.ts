import type { Draft } from '#machinery/object.ts';
import { parseQuantity, roundToMilli, showQuantity } from '#machinery/quantity.ts';
import type {
  Container,
  EphemeralContainer,
  LifecycleHandler,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '#machinery/types/core-v1.ts';
import type { ObjectMeta } from '#machinery/types/meta-v1.ts';
import { defaultPodLevelResources } from './pod-level-resources.ts';
import { pullPolicyOf } from './pull-policy.ts';
import { defaultVolume } from './volume-defaults.ts';

type AnyContainer = Draft<Container> | Draft<EphemeralContainer>;

/** What a pod's author left out. Source: core/v1 API. */
export function defaultPod(pod: Draft<Pod>): void {
  pod.spec ??= { containers: null };
  pod.status ??= {};
  const { spec } = pod;
  dropOldAnnotations(pod.metadata);
  defaultPodSpec(spec);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  defaultPodIps(pod.status);
  for (const container of containersOf(spec)) requestWhatIsLimited(container.resources);
  defaultPodLevelResources(spec);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) for (const container of containersOf(spec)) defaultHostPorts(container);
}

/** `podIP` is the first of `podIPs`; where they differ the older field wins. */
function defaultPodIps(status: Draft<PodStatus>): void {
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP && status.podIP !== first) status.podIPs = [{ ip: status.podIP }];
  else if (first) status.podIP = first;
}

const OLD_ANNOTATIONS = ['init-containers', 'init-container-statuses'].flatMap((name) => [
  `pod.alpha.kubernetes.io/${name}`,
  `pod.beta.kubernetes.io/${name}`,
]);

/** Init containers were annotations once; nobody reads those any more. */
function dropOldAnnotations({ annotations }: Draft<ObjectMeta>): void {
  if (annotations) for (const name of OLD_ANNOTATIONS) delete annotations[name];
}

/** Pod templates get the defaults of a pod's spec, but not those that only a pod itself has. */
export function defaultPodTemplate(template: Draft<PodTemplateSpec>): void {
  template.metadata ??= {};
  template.spec ??= { containers: null };
  dropOldAnnotations(template.metadata);
  defaultPodSpec(template.spec);
}

export function defaultPodSpec(spec: Draft<PodSpec>): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  defaultServiceAccountName(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  roundQuantities(spec.overhead);
  defaultResources(spec.resources);
}

/** `serviceAccount` is the deprecated twin of `serviceAccountName`: both are shown, the newer one wins. */
function defaultServiceAccountName(spec: Draft<PodSpec>): void {
  spec.serviceAccountName ||= spec.serviceAccount ?? '';
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else {
    delete spec.serviceAccountName;
    delete spec.serviceAccount;
  }
}

function containersOf(spec: Draft<PodSpec>): Draft<Container>[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
}

function defaultContainer(container: AnyContainer): void {
  container.resources ??= {};
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ||= '0';
    if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
  }
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHandler(container.lifecycle?.postStart);
  defaultHandler(container.lifecycle?.preStop);
  defaultResources(container.resources);
}

function defaultProbe(probe: Draft<Probe> | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= '';
  defaultHandler(probe);
}

function defaultHandler(handler: Draft<Pick<LifecycleHandler, 'httpGet'>> | undefined): void {
  if (!handler?.httpGet) return;
  handler.httpGet.path ||= '/';
  handler.httpGet.scheme ||= 'HTTP';
}

function defaultResources(resources: Draft<ResourceRequirements> | undefined): void {
  roundQuantities(resources?.limits);
  roundQuantities(resources?.requests);
}

/** Resources have no parts smaller than a thousandth; what is finer is rounded up. */
export function roundQuantities(list: Record<string, string> | undefined): void {
  if (!list) return;
  for (const [name, quantity] of Object.entries(list)) list[name] = showQuantity(roundToMilli(parseQuantity(quantity)));
}

function requestWhatIsLimited(resources: Draft<ResourceRequirements> | undefined): void {
  if (!resources?.limits) return;
  const missing = Object.entries(resources.limits).filter(([name]) => resources.requests?.[name] === undefined);
  if (missing.length > 0) resources.requests = { ...resources.requests, ...Object.fromEntries(missing) };
}

function defaultHostPorts(container: Draft<Container>): void {
  for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}
