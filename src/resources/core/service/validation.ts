import {
  duplicate,
  type FieldError,
  FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import type { Service, ServicePort, ServiceSpec } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, portNumber } from '#machinery/validation/basics.ts';
import { isQualifiedName, validateLabelName, validateLabels } from '#machinery/validation/labels.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import {
  isNetworkAddress,
  isValidCidr,
  isValidIp,
  parseCidr,
  validatePortNumberOrName,
} from '#machinery/validation/net.ts';
import { specialIp } from '../endpoints/special-ip.ts';
import { validateAddresses, validateAddressesUpdate } from './addresses.ts';
import { isExternallyAccessible } from './defaults.ts';
import { needsHealthCheckPort } from './type-change.ts';

const SPEC = FieldPath.of('spec');
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const KUBELET_PORT = 10_250;
const MAX_AFFINITY_SECONDS = 86_400;

export function validateService(service: Service): FieldError[] {
  const { spec } = service;
  return [
    ...validateByType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, SPEC.at('selector')),
    ...validateAffinity(spec),
    ...validateAddresses(spec),
    ...eachItem(spec.externalIPs, SPEC.at('externalIPs'), (ip, at) => {
      const errors = isValidIp(ip, at);
      return errors.length > 0 ? errors : specialIp(ip, at);
    }),
    ...validateType(spec),
    ...validatePortUse(spec),
    ...validateLoadBalancer(spec),
    ...validateRangesAnnotation(service),
    ...validateExternalPolicy(spec),
    ...validateInternalPolicy(spec),
    ...validateDistribution(spec),
  ];
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  return [
    ...validateAddressesUpdate(service.spec, old.spec),
    ...validateHealthCheckPortUpdate(service.spec, old.spec),
    ...validateClassUpdate(service, old),
    ...validateService(service),
  ];
}

function isHeadless({ clusterIP, clusterIPs }: ServiceSpec): boolean {
  return (clusterIPs?.[0] ?? clusterIP) === 'None';
}

function validateByType(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const headless = isHeadless(spec);
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') {
    errors.push(required(SPEC.at('ports')));
  }
  if (spec.type === 'LoadBalancer') {
    for (const [index, { port }] of (spec.ports ?? []).entries()) {
      if (port === KUBELET_PORT) {
        errors.push(
          invalid(
            SPEC.at('ports').index(index),
            { port },
            `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`,
          ),
        );
      }
    }
  }
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && headless) {
    errors.push(invalid(SPEC.at('clusterIPs').index(0), 'None', `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.type === 'ExternalName') {
    if ((spec.clusterIPs ?? []).length > 0) {
      errors.push(forbidden(SPEC.at('clusterIPs'), 'may not be set for ExternalName services'));
    }
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    errors.push(
      ...(spec.externalName
        ? invalidFor(isDnsSubdomain(name, false), spec.externalName, SPEC.at('externalName'))
        : [required(SPEC.at('externalName'))]),
    );
  }
  return errors;
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const names = new Set<string>();
  const named = (spec.ports ?? []).length > 1;
  return eachItem(spec.ports, SPEC.at('ports'), (port, at) => validatePort(port, { named, names }, at));
}

function validatePort(
  port: ServicePort,
  { named, names }: { readonly named: boolean; readonly names: Set<string> },
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const { name, protocol, appProtocol } = port;
  if (name) {
    errors.push(...invalidFor(isDnsLabel(name, false), name, path.at('name')));
    if (names.has(name)) errors.push(duplicate(path.at('name'), name));
    names.add(name);
  } else if (named) errors.push(required(path.at('name')));
  errors.push(...portNumber(port.port ?? 0, path.at('port')));
  if (!protocol) errors.push(required(path.at('protocol')));
  else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(path.at('protocol'), protocol, PROTOCOLS));
  errors.push(...validatePortNumberOrName(port.targetPort, path.at('targetPort')));
  if (appProtocol !== undefined)
    errors.push(...invalidFor(isQualifiedName(appProtocol), appProtocol, path.at('appProtocol')));
  return errors;
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  const path = SPEC.at('sessionAffinity');
  const config = SPEC.at('sessionAffinityConfig');
  if (!sessionAffinity) return [required(path)];
  if (sessionAffinity === 'None') {
    return sessionAffinityConfig ? [forbidden(config, 'must not be set when session affinity is None')] : [];
  }
  if (sessionAffinity !== 'ClientIP') return [notSupported(path, sessionAffinity, ['ClientIP', 'None'])];
  if (!sessionAffinityConfig) return [required(config, 'when session affinity type is ClientIP')];
  const seconds = sessionAffinityConfig.clientIP?.timeoutSeconds;
  const at = config.at('clientIP', 'timeoutSeconds');
  if (seconds === undefined) return [required(at, 'when session affinity type is ClientIP')];
  if (seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return [];
  return [invalid(at, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)];
}

function validateType({ type }: ServiceSpec): FieldError[] {
  if (!type) return [required(SPEC.at('type'))];
  return TYPES.includes(type) ? [] : [notSupported(SPEC.at('type'), type, TYPES)];
}

/** Ports of nodes belong to some types only, and each is given once. */
function validatePortUse({ ports, type }: ServiceSpec): FieldError[] {
  const path = SPEC.at('ports');
  const errors: FieldError[] = [];
  const nodePorts = new Set<string>();
  const seen = new Set<string>();
  if (type === 'ClusterIP') {
    errors.push(
      ...eachItem(ports, path, ({ nodePort }, at) =>
        nodePort ? [forbidden(at.at('nodePort'), "may not be used when `type` is 'ClusterIP'")] : [],
      ),
    );
  }
  errors.push(
    ...eachItem(ports, path, ({ nodePort, protocol }, at) => {
      if (!nodePort) return [];
      const key = `${protocol}/${nodePort}`;
      if (nodePorts.has(key)) return [duplicate(at.at('nodePort'), nodePort)];
      nodePorts.add(key);
      return [];
    }),
    ...eachItem(ports, path, ({ port, protocol }, at) => {
      const key = `${protocol}/${port}`;
      if (seen.has(key)) return [duplicate(at, { protocol, port })];
      seen.add(key);
      return [];
    }),
  );
  return errors;
}

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const balanced = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) {
    const path = SPEC.at('LoadBalancerSourceRanges'); // upstream's own spelling
    if (!balanced) errors.push(forbidden(path, "may only be used when `type` is 'LoadBalancer'"));
    errors.push(...eachItem(ranges, path, (range, at) => sourceRange(range.trim(), at)));
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && !balanced) {
    errors.push(forbidden(SPEC.at('allocateLoadBalancerNodePorts'), "may only be used when `type` is 'LoadBalancer'"));
  }
  if (spec.allocateLoadBalancerNodePorts === undefined && balanced) {
    errors.push(required(SPEC.at('allocateLoadBalancerNodePorts')));
  }
  if (spec.loadBalancerClass !== undefined) {
    const path = SPEC.at('loadBalancerClass');
    if (!balanced) errors.push(forbidden(path, "may only be used when `type` is 'LoadBalancer'"));
    errors.push(...validateLabelName(spec.loadBalancerClass, path));
  }
  return errors;
}

/** A range of addresses that may come in; bits beyond the mask are a mistake. */
function sourceRange(range: string, path: FieldPath): FieldError[] {
  const errors = isValidCidr(range, path);
  const cidr = parseCidr(range);
  if (cidr && !isNetworkAddress(cidr)) {
    errors.push(invalid(path, range, 'must not have bits set beyond the prefix length'));
  }
  return errors;
}

const RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** The older place of the source ranges. */
function validateRangesAnnotation({ metadata, spec }: Service): FieldError[] {
  const text = metadata.annotations?.[RANGES_ANNOTATION];
  if (text === undefined || (spec.loadBalancerSourceRanges ?? []).length > 0) return [];
  const path = FieldPath.of('metadata', 'annotations').key(RANGES_ANNOTATION);
  if (spec.type !== 'LoadBalancer') return [forbidden(path, "may only be used when `type` is 'LoadBalancer'")];
  const ranges = text.trim() === '' ? [] : text.split(',').map((range) => range.trim());
  return ranges.every((range) => parseCidr(range)) ? [] : [invalid(path, text, 'must be a list of IP ranges')];
}

function validateExternalPolicy(spec: ServiceSpec): FieldError[] {
  const policy = spec.externalTrafficPolicy;
  const path = SPEC.at('externalTrafficPolicy');
  const errors: FieldError[] = [];
  if (!isExternallyAccessible(spec)) {
    if (policy) errors.push(invalid(path, policy, 'may only be set for externally-accessible services'));
  } else if (!policy) errors.push(required(path));
  else if (!POLICIES.includes(policy)) errors.push(notSupported(path, policy, POLICIES));
  const port = spec.healthCheckNodePort ?? 0;
  const at = SPEC.at('healthCheckNodePort');
  if (!needsHealthCheckPort(spec)) {
    if (port) {
      errors.push(
        invalid(at, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"),
      );
    }
  } else if (port) errors.push(...portNumber(port, at));
  return errors;
}

function validateInternalPolicy({ internalTrafficPolicy, type }: ServiceSpec): FieldError[] {
  const path = SPEC.at('internalTrafficPolicy');
  if (internalTrafficPolicy === undefined) {
    return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer' ? [required(path)] : [];
  }
  return POLICIES.includes(internalTrafficPolicy) ? [] : [notSupported(path, internalTrafficPolicy, POLICIES)];
}

function validateDistribution({ trafficDistribution }: ServiceSpec): FieldError[] {
  if (trafficDistribution === undefined) return [];
  const path = SPEC.at('trafficDistribution');
  return DISTRIBUTIONS.includes(trafficDistribution) ? [] : [notSupported(path, trafficDistribution, DISTRIBUTIONS)];
}

/** The class of a load balancer stays for as long as it is one. */
function validateClassUpdate({ spec }: Service, { spec: old }: Service): FieldError[] {
  if (spec.type !== 'LoadBalancer') {
    if (spec.loadBalancerClass === undefined) return [];
    return [forbidden(SPEC.at('loadBalancerClass'), "may only be used when `type` is 'LoadBalancer'")];
  }
  if (old.type !== 'LoadBalancer') return [];
  if (spec.loadBalancerClass === old.loadBalancerClass) return [];
  return [invalid(SPEC.at('loadBalancerClass'), spec.loadBalancerClass ?? null, 'may not change once set')];
}

function validateHealthCheckPortUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (!needsHealthCheckPort(spec) || !needsHealthCheckPort(old)) return [];
  if (!old.healthCheckNodePort || spec.healthCheckNodePort === old.healthCheckNodePort) return [];
  return [forbidden(SPEC.at('healthCheckNodePort'), 'field is immutable')];
}

const STATUS = FieldPath.of('status', 'loadBalancer', 'ingress');

export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const errors: FieldError[] = [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    return [
      forbidden(
        FieldPath.of('status', 'loadBalancer', 'ingress'),
        'may only be used when `spec.type` is "LoadBalancer"',
      ),
    ];
  }
  errors.push(
    ...eachItem(ingress, STATUS, ({ ip, hostname, ipMode }, at) => [
      ...(ip ? isValidIp(ip, at.at('ip')) : []),
      ...(ip && ipMode === undefined ? [required(at.at('ipMode'), 'must be specified when `ip` is set')] : []),
      ...(!ip && ipMode !== undefined ? [forbidden(at.at('ipMode'), 'may not be specified when `ip` is not set')] : []),
      ...(ipMode !== undefined && ipMode !== 'VIP' && ipMode !== 'Proxy' && ip
        ? [notSupported(at.at('ipMode'), ipMode, ['Proxy', 'VIP'])]
        : []),
      ...(hostname ? invalidFor(isDnsSubdomain(hostname, false), hostname, at.at('hostname')) : []),
      ...(hostname && /^\d+\.\d+\.\d+\.\d+$/.test(hostname)
        ? [invalid(at.at('hostname'), hostname, 'must be a DNS name, not an IP address')]
        : []),
    ]),
  );
  return errors;
}
