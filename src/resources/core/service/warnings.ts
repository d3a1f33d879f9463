import type { Service } from '#machinery/types/core-v1.ts';
import { ipWarnings } from '../endpoints/special-ip.ts';

const OLD_HINTS = 'service.kubernetes.io/topology-aware-hints';

/** Texts for what is allowed and most likely not meant. */
export function serviceWarnings({ spec, metadata }: Service, old: Service | undefined): readonly string[] {
  const warnings: string[] = [];
  if (metadata.annotations?.[OLD_HINTS] !== undefined) {
    warnings.push(`annotation ${OLD_HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  }
  for (const [index, ip] of (spec.clusterIPs ?? []).entries())
    warnings.push(...ipWarnings(ip, `spec.clusterIPs[${index}]`));
  if (spec.type === 'ClusterIP' && spec.clusterIP === 'None') {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if ((spec.externalIPs ?? []).length > 0) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  for (const [index, ip] of (spec.externalIPs ?? []).entries())
    warnings.push(...ipWarnings(ip, `spec.externalIPs[${index}]`));
  if (spec.loadBalancerIP) warnings.push(...ipWarnings(spec.loadBalancerIP, 'spec.loadBalancerIP'));
  if (spec.type === 'ExternalName' && (spec.externalIPs ?? []).length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (spec.type !== 'ExternalName' && spec.externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  if ((spec.externalIPs ?? []).length > 0 && spec.type !== 'ExternalName' && old === undefined) {
    warnings.push('spec.externalIPs is deprecated and will be removed in a future release');
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  }
  return warnings;
}
