import ipaddr from 'ipaddr.js';
import { type FieldError, type FieldPath, invalid } from '#machinery/field-error.ts';

/** Addresses that can be no endpoint: those of the machine itself, of the link, of groups, of nobody. */
export function specialIp(address: string, path: FieldPath): FieldError[] {
  if (!ipaddr.isValid(address)) return [];
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
