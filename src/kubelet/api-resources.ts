import type { ResourceRef } from '#machinery/resource/definition.ts';
import type { Lease } from '#machinery/types/coordination-v1.ts';
import type { ConfigMap, Node, Pod, Secret, Service } from '#machinery/types/core-v1.ts';

/** The resources that the agent speaks of: plain references, so that it does not load the rules of the kinds. */
const core = { group: '', version: 'v1', namespaced: true } as const;

export const pods: ResourceRef<Pod> = { ...core, kind: 'Pod', plural: 'pods' };
export const configMaps: ResourceRef<ConfigMap> = { ...core, kind: 'ConfigMap', plural: 'configmaps' };
export const secrets: ResourceRef<Secret> = { ...core, kind: 'Secret', plural: 'secrets' };
export const services: ResourceRef<Service> = { ...core, kind: 'Service', plural: 'services' };
export const nodes: ResourceRef<Node> = { ...core, namespaced: false, kind: 'Node', plural: 'nodes' };
export const leases: ResourceRef<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  namespaced: true,
  kind: 'Lease',
  plural: 'leases',
};
