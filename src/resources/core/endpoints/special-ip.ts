import ipaddr from 'ipaddr.js';
import { type FieldError, type FieldPath, invalid } from '#machinery/field-error.ts';
import { canonicalIp, ipFamily } from '#machinery/validation/net.ts';

/** IPv4 as older clients wrote it, with leading zeros. */
const PADDED_IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/** A word on addresses that are not written in their one canonical form. Source: KEP-4858. */
export function ipWarnings(address: string, field: string): string[] {
  const canonical = canonicalIp(address) ?? unpadded(address);
  if (canonical === undefined || canonical === address) return [];
  if (ipFamily(canonical) === 4) {
    const use = `use "${canonical}"`;
    return [
      `${field}: non-standard IP address "${address}" will be considered invalid in a future Kubernetes release: ${use}`,
    ];
  }
  return [`${field}: IPv6 address "${address}" should be in RFC 5952 canonical format ("${canonical}")`];
}

function unpadded(address: string): string | undefined {
  if (!PADDED_IPV4.test(address)) return undefined;
  return canonicalIp(address.split('.').map(Number).join('.'));
}

/** Addresses that can be no endpoint: those of the machine itself, of the link, of groups, of nobody. */
export function specialIp(address: string, path: FieldPath): FieldError[] {
  if (ipFamily(address) === undefined) {
    const sloppy = /^\d+(\.\d+){3}$/.test(address); // leading zeroes are told elsewhere
    return sloppy ? [] : [invalid(path, address, 'must be a valid IP address')];
  }
  const parsed = ipaddr.process(address);
  switch (parsed.range()) {
    case 'unspecified':
      return [invalid(path, address, `may not be unspecified (${address})`)];
    case 'loopback':
      return [invalid(path, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
    case 'linkLocal':
      return [invalid(path, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
    case 'multicast':
      return /^(224\.0\.0\.|ff02:)/i.test(address)
        ? [invalid(path, address, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')]
        : [];
    default:
      return [];
  }
}
