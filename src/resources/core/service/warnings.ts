import type { Service } from '#machinery/types/core-v1.ts';
import { ipWarnings } from '../endpoints/special-ip.ts';

/** Texts for what is allowed and most likely not meant. */
export function serviceWarnings({ spec, metadata }: Service, old: Service | undefined): readonly string[] {
  const warnings: string[] = [];
  if (spec.type !== 'ExternalName' && spec.externalName && !old) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  for (const [index, ip] of (spec.externalIPs ?? []).entries())
    warnings.push(...ipWarnings(ip, `spec.externalIPs[${index}]`));
  if (spec.clusterIP === 'None') {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored when spec.clusterIP is "None"');
    if ((spec.externalIPs ?? []).length > 0) warnings.push('spec.externalIPs is ignored when spec.clusterIP is "None"');
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  for (const annotation of ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode']) {
    if (metadata.annotations?.[annotation] === undefined) continue;
    if (annotation.endsWith('hints'))
      warnings.push(`annotation ${annotation} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  }
  if ((spec.externalIPs ?? []).length > 0 && old === undefined) {
    warnings.push('spec.externalIPs is deprecated and will be removed in a future release');
  }
  if (spec.trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: PreferClose is deprecated; use PreferSameZone instead');
  }
  return warnings;
}
