import { type FieldError, type FieldPath, forbidden, invalid, required, tooLong } from '#machinery/field-error.ts';
import type { HostAlias, PodDNSConfig, PodSpec } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, oneOf } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { isValidIp } from '#machinery/validation/net.ts';

const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;
const MAX_HOSTNAME_OVERRIDE = 64;

export function validateDnsPolicy(policy: string | undefined, path: FieldPath): FieldError[] {
  return oneOf(policy, DNS_POLICIES, path);
}

export function validateDnsConfig(spec: PodSpec, path: FieldPath): FieldError[] {
  const config = spec.dnsConfig;
  const errors: FieldError[] = [];
  if (spec.dnsPolicy === 'None' && (config?.nameservers ?? []).length === 0) {
    if (!config) {
      return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    }
    errors.push(required(path.at('nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
    if (errors.length > 0) return errors;
  }
  return config ? validateConfig(config, path) : [];
}

function validateConfig({ nameservers = [], searches = [], options }: PodDNSConfig, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (nameservers.length > MAX_NAMESERVERS) {
    errors.push(invalid(path.at('nameservers'), nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  }
  errors.push(...eachItem(nameservers, path.at('nameservers'), isValidIp));
  if (searches.length > MAX_SEARCHES) {
    errors.push(invalid(path.at('searches'), searches, `must not have more than ${MAX_SEARCHES} search paths`));
  }
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    errors.push(
      invalid(
        path.at('searches'),
        searches,
        `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`,
      ),
    );
  }
  return [
    ...errors,
    ...eachItem(searches, path.at('searches'), validateSearch),
    ...eachItem(options, path.at('options'), ({ name }, at) => (name ? [] : [required(at, 'must not be empty')])),
  ];
}

/** A trailing dot, a lone dot and underscores are good in search domains. */
function validateSearch(search: string, path: FieldPath): FieldError[] {
  if (search === '.') return [];
  const domain = search.replace(/\.$/, '').replaceAll('_', '-');
  const relaxed = domain
    .split('.')
    .map((label) => label.replace(/^-|-$/g, (dash, offset: number) => (search[offset] === '_' ? 'a' : dash)))
    .join('.');
  return invalidFor(
    isDnsSubdomain(search.includes('_') ? relaxed.replace(/(^|\.)-|-(?=\.|$)/g, '$1a') : domain, false),
    search,
    path,
  );
}

export function validateHostAliases(aliases: readonly HostAlias[] | undefined, path: FieldPath): FieldError[] {
  return (aliases ?? []).flatMap(({ ip, hostnames }, index) => [
    ...isValidIp(ip ?? '', path.index(index).at('ip')),
    ...(hostnames ?? []).flatMap((name) => invalidFor(isDnsSubdomain(name, false), name, path.at('hostnames'))),
  ]);
}

/** Where the pod is its host on the network, a container's port is the host's: they must be the same. */
export function validateHostPorts(spec: PodSpec, path: FieldPath, template: boolean): FieldError[] {
  if (!spec.hostNetwork) return [];
  return (['containers', 'initContainers'] as const).flatMap((field) =>
    eachItem(spec[field], path.at(field), ({ ports }, at) =>
      eachItem(ports, at.at('ports'), ({ hostPort, containerPort }, portPath) =>
        hostPort === containerPort || (template && !hostPort)
          ? []
          : [invalid(portPath.at('hostPort'), hostPort ?? 0, 'must match `containerPort` when `hostNetwork` is true')],
      ),
    ),
  );
}

export function validateHostname(spec: PodSpec, path: FieldPath): FieldError[] {
  return (['hostname', 'subdomain'] as const).flatMap((field) => {
    const name = spec[field];
    return name ? invalidFor(isDnsLabel(name, false), name, path.at(field)) : [];
  });
}

/** A host name in place of all that the pod would derive its own from. Source: KEP-4762. */
export function validateHostnameOverride(spec: PodSpec, path: FieldPath): FieldError[] {
  const name = spec.hostnameOverride;
  if (name === undefined) return [];
  const at = path.at('hostnameOverride');
  const errors = invalidFor(isDnsSubdomain(name, false), name, at);
  if (name.length > MAX_HOSTNAME_OVERRIDE) errors.push(tooLong(at, MAX_HOSTNAME_OVERRIDE));
  if (spec.setHostnameAsFQDN) {
    errors.push(forbidden(at, 'may not be specified when setHostnameAsFQDN is true'));
  }
  if (spec.hostNetwork) errors.push(forbidden(at, 'may not be specified when hostNetwork is true'));
  return errors;
}
