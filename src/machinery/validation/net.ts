import ipaddr from 'ipaddr.js';
import { type FieldError, type FieldPath, invalid, required } from '../field-error.ts';
import { isDnsSubdomain } from './names.ts';
import { regexMessage } from './labels.ts';

/** Checks of addresses, ports and host names. Source: API reference of Service, Ingress and NetworkPolicy; RFC 6335. */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const MIN_PORT = 1;
const MAX_PORT = 65_535;
const MAX_PORT_NAME = 15;

/** 4 or 6; undefined where the text is no address in strict form (no leading zeros, no zone). */
export function ipFamily(text: string): 4 | 6 | undefined {
  if (IPV4.test(text)) return 4;
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text) ? 6 : undefined;
}

/** The shortest form of an address, as Go prints it: `::1`; an IPv4-mapped one as IPv4. Undefined for other text. */
export function canonicalIp(text: string): string | undefined {
  const family = ipFamily(text);
  if (family === undefined) return undefined;
  if (family === 4) return text;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

export interface Cidr {
  readonly family: 4 | 6;
  readonly address: string;
  readonly bits: number;
}

/** `10.0.0.0/8`; undefined where the text is no CIDR in strict form. Bits of the host may be set. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const address = match?.[1] ?? '';
  const family = ipFamily(address);
  const bits = Number(match?.[2]);
  if (!match || family === undefined || bits > (family === 4 ? 32 : 128)) return undefined;
  return { family, address, bits };
}

/** Whether the bits of the host are all zero. */
export function isNetworkAddress({ address, bits }: Cidr): boolean {
  const bytes = ipaddr.parse(address).toByteArray();
  return bytes.every((byte, at) => {
    const kept = Math.min(8, Math.max(0, bits - at * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}

/** Whether a network holds an address. */
export function cidrContains(cidr: Cidr, address: string): boolean {
  if (ipFamily(address) !== cidr.family) return false;
  return ipaddr.parse(address).match(ipaddr.parse(cidr.address), cidr.bits);
}

export function isValidIp(text: string, path: FieldPath): FieldError[] {
  return ipFamily(text) === undefined
    ? [invalid(path, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
    : [];
}

export function isValidCidr(text: string, path: FieldPath): FieldError[] {
  return parseCidr(text) === undefined
    ? [invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
    : [];
}

export function isPortNumber(port: number): readonly string[] {
  return port >= MIN_PORT && port <= MAX_PORT ? [] : [`must be between ${MIN_PORT} and ${MAX_PORT}, inclusive`];
}

/** The name of a port: an IANA service name. */
export function isPortName(name: string): readonly string[] {
  const messages: string[] = [];
  if (name.length > MAX_PORT_NAME) messages.push(`must be no more than ${MAX_PORT_NAME} characters`);
  if (!/^[-a-z0-9]+$/.test(name)) {
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(name)) messages.push('must contain at least one letter (a-z)');
  if (name.includes('--')) messages.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
}

/** A port of an IntOrString: a number in range or a port name. */
export function validatePortNumberOrName(port: number | string, path: FieldPath): FieldError[] {
  const messages = typeof port === 'number' ? isPortNumber(port) : isPortName(port);
  return messages.map((message) => invalid(path, port, message));
}

const WILDCARD = '*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const WILDCARD_FORM = /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const MAX_HOST = 253;

/** `*.example.com`. */
export function isWildcardDnsSubdomain(value: string): readonly string[] {
  const messages: string[] = [];
  if (value.length > MAX_HOST) messages.push(`must be no more than ${MAX_HOST} bytes`);
  if (!WILDCARD_FORM.test(value)) {
    messages.push(
      regexMessage(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        WILDCARD,
        ['*.example.com'],
      ),
    );
  }
  return messages;
}

const HTTP_HEADER = /^[-A-Za-z0-9]+$/;

export function isHttpHeaderName(name: string): readonly string[] {
  return HTTP_HEADER.test(name)
    ? []
    : [
        regexMessage("a valid HTTP header must consist of alphanumeric characters or '-'", '[-A-Za-z0-9]+', [
          'X-Header-Name',
        ]),
      ];
}

/** The name of an environment variable: any printable ASCII but `=`. */
export function isEnvVarName(name: string): readonly string[] {
  if (name === '') return ['environment variable name must not be empty'];
  return /^[ -<>-~]+$/.test(name)
    ? []
    : [
        regexMessage(
          "a valid environment variable name must consist only of printable ASCII characters other than '='",
          '^[ -<>-~]+$',
        ),
      ];
}

/** Whether an address or network is written as IPv4 inside IPv6 (`::ffff:10.0.0.1`). */
function isMapped(address: string): boolean {
  return address.includes(':') && ipaddr.IPv6.isValid(address) && ipaddr.IPv6.parse(address).isIPv4MappedAddress();
}

/** An address as fields that came before the strict rules take it: any IPv6 spelling, but none inside another family. */
export function isStrictIp(text: string, path: FieldPath): FieldError[] {
  const errors = isValidIp(text, path);
  if (errors.length > 0 || !isMapped(text)) return errors;
  return [invalid(path, text, 'must not be an IPv4-mapped IPv6 address')];
}

/** A network as fields that came before the strict rules take it: no bits of the host, no IPv4 inside IPv6. */
export function isStrictCidr(text: string, path: FieldPath): FieldError[] {
  const cidr = parseCidr(text);
  if (!cidr) return isValidCidr(text, path);
  if (isMapped(cidr.address)) return [invalid(path, text, 'must not have an IPv4-mapped IPv6 address')];
  return isNetworkAddress(cidr) ? [] : [invalid(path, text, 'must not have bits set beyond the prefix length')];
}

/** A network in the one spelling that new fields take. */
export function isCanonicalCidr(text: string, path: FieldPath): FieldError[] {
  const errors = isStrictCidr(text, path);
  const cidr = parseCidr(text);
  if (errors.length > 0 || !cidr) return errors;
  const canonical = `${canonicalIp(cidr.address)}/${cidr.bits}`;
  return canonical === text ? [] : [invalid(path, text, `must be in canonical form ("${canonical}")`)];
}

const HTTP_PATH = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** `acme.io/foo`: a domain, a slash, and characters of a URL's path. */
export function isDomainPrefixedPath(text: string, path: FieldPath): FieldError[] {
  if (text === '') return [required(path)];
  const slash = text.indexOf('/');
  const [domain, rest] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)];
  if (domain === '' || rest === '') {
    return [invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = isDnsSubdomain(domain, false).map((message) => invalid(path, domain, message));
  if (HTTP_PATH.test(rest)) return errors;
  const form = regexMessage('Invalid path', "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+");
  return [...errors, invalid(path, rest, form)];
}
