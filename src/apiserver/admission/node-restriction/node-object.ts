import type { Node } from '#machinery/types/core-v1.ts';
import { refusal } from '../refuse.ts';
import type { NodeWrite } from './node-write.ts';
import { same } from './pods.ts';

/** Labels of these domains mean something to schedulers: a node may set only those that kubelets set. */
const OWN_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
]);
const OWN_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
/** For labels by which workloads are kept away from nodes that might be taken over. */
const RESTRICTED_DOMAIN = 'node-restriction.kubernetes.io';
const KUBERNETES_DOMAINS = ['kubernetes.io', 'k8s.io'];

/** A node writes its own Node: not its taints, its owners, nor labels that would draw pods to it. */
export function checkNode({ node, request }: NodeWrite): void {
  const written = request.object as Node | undefined;
  const old = request.oldObject as Node | undefined;
  const name = request.name || written?.metadata.name || '';
  const me = JSON.stringify(node);
  if (written) {
    const changed = forbiddenLabels(changedLabels(written, old));
    const created = request.operation === 'CREATE';
    if (changed.length > 0) {
      const doing = created ? 'set the following labels' : 'modify labels';
      throw refusal(request, `node ${me} is not allowed to ${doing}: ${changed.join(', ')}`);
    }
    if (!same(written.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? [])) {
      throw refusal(request, `node ${me} is not allowed to modify ownerReferences`);
    }
    if (written.spec?.configSource && !same(written.spec.configSource, old?.spec?.configSource ?? null)) {
      throw refusal(request, `node ${me} is not allowed to update configSource to a new non-nil value`);
    }
    if (!created && !same(written.spec?.taints ?? [], old?.spec?.taints ?? [])) {
      throw refusal(request, `node ${me} is not allowed to modify taints`);
    }
  }
  if (name !== node) throw refusal(request, `node ${me} is not allowed to modify node ${JSON.stringify(name)}`);
}

function changedLabels(written: Node, old: Node | undefined): readonly string[] {
  const [after, before] = [written.metadata.labels ?? {}, old?.metadata.labels ?? {}];
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].filter((key) => after[key] !== before[key]);
}

function forbiddenLabels(labels: readonly string[]): readonly string[] {
  return labels
    .filter((label) => {
      const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
      if (within(domain, RESTRICTED_DOMAIN)) return true;
      const own = OWN_LABELS.has(label) || OWN_DOMAINS.some((each) => within(domain, each));
      return KUBERNETES_DOMAINS.some((each) => within(domain, each)) && !own;
    })
    .sort();
}

function within(domain: string, parent: string): boolean {
  return domain === parent || domain.endsWith(`.${parent}`);
}
