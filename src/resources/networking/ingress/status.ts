import { type FieldError, FieldPath, invalid } from '#machinery/field-error.ts';
import type { Ingress } from '#machinery/types/networking-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { ipFamily, isStrictIp } from '#machinery/validation/net.ts';

const INGRESS = FieldPath.of('status', 'loadBalancer', 'ingress');

export function validateIngressStatus({ status }: Ingress): FieldError[] {
  return eachItem(status?.loadBalancer?.ingress, INGRESS, ({ ip, hostname }, path) => [
    ...(ip ? isStrictIp(ip, path.at('ip')) : []),
    ...(hostname ? invalidFor(isDnsSubdomain(hostname, false), hostname, path.at('hostname')) : []),
    ...(hostname && ipFamily(hostname)
      ? [invalid(path.at('hostname'), hostname, 'must be a DNS name, not an IP address')]
      : []),
  ]);
}
