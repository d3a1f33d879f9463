import ipaddr from 'ipaddr.js';

/** Which addresses of the service range have a purpose. */

/** Of the Service `kubernetes`. */
export function kubernetesAddress(serviceCidr: string): string {
  return addressIn(serviceCidr, 1);
}

/** Of the cluster's DNS. */
export function dnsAddress(serviceCidr: string): string {
  return addressIn(serviceCidr, 10);
}

function addressIn(cidr: string, index: number): string {
  const [network] = ipaddr.IPv4.parseCIDR(cidr);
  const value = network.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0) + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
