import {
  duplicate,
  type FieldError,
  FieldPath,
  invalid,
  notSupported,
  required,
  tooMany,
} from '#machinery/field-error.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#machinery/types/discovery-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isLabelValue, isQualifiedName } from '#machinery/validation/labels.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { ipFamily } from '#machinery/validation/net.ts';
import { immutable } from '../../apps/workload.ts';
import { isNodeName } from '../../core/node/node-name.ts';
import { specialIp } from '../../core/endpoints/special-ip.ts';

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  return [...validateAddressType(slice.addressType), ...validateEndpoints(slice), ...validatePorts(slice.ports ?? [])];
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  return [
    ...validateEndpointSlice(slice),
    ...immutable(slice.addressType, old.addressType, FieldPath.of('addressType')),
  ];
}

function validateAddressType(type: string): FieldError[] {
  const path = FieldPath.of('addressType');
  if (!type) return [required(path)];
  return ADDRESS_TYPES.includes(type) ? [] : [notSupported(path, type, ADDRESS_TYPES)];
}

function validateEndpoints({ endpoints, addressType }: EndpointSlice): FieldError[] {
  const path = FieldPath.of('endpoints');
  const list = endpoints ?? [];
  if (list.length > MAX_ENDPOINTS) return [tooMany(path, list.length, MAX_ENDPOINTS)];
  return eachItem(list, path, (endpoint, at) => validateEndpoint(endpoint, addressType, at));
}

function validateEndpoint(endpoint: Endpoint, addressType: string, path: FieldPath): FieldError[] {
  const addresses = endpoint.addresses ?? [];
  const at = path.at('addresses');
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(at, addresses.length, MAX_ADDRESSES));
  errors.push(...eachItem(addresses, at, (address, addressPath) => validateAddress(address, addressType, addressPath)));
  const { nodeName, hostname, deprecatedTopology, hints } = endpoint;
  if (nodeName !== undefined) errors.push(...invalidFor(isNodeName(nodeName, false), nodeName, path.at('nodeName')));
  const topology = path.at('deprecatedTopology');
  for (const [key, value] of Object.entries(deprecatedTopology ?? {})) {
    errors.push(
      ...invalidFor(isQualifiedName(key), key, topology),
      ...invalidFor(isLabelValue(value), value, topology),
    );
  }
  if (hostname !== undefined) errors.push(...invalidFor(isDnsLabel(hostname, false), hostname, path.at('hostname')));
  const hintsPath = path.at('hints');
  for (const field of ['forZones', 'forNodes'] as const) {
    const entries = hints?.[field] ?? [];
    if (entries.length > MAX_HINTS) {
      errors.push(tooMany(hintsPath.at(field), entries.length, MAX_HINTS));
      continue;
    }
    const seen = new Set<string>();
    errors.push(
      ...eachItem(entries, hintsPath.at(field), ({ name }, entryPath) => {
        if (seen.has(name)) return [duplicate(entryPath.at('name'), name)];
        seen.add(name);
        const messages = field === 'forNodes' ? isNodeName(name, false) : isLabelValue(name ?? '');
        return invalidFor(messages, name ?? '', entryPath.at('name'));
      }),
    );
  }
  return errors;
}

function validateAddress(address: string, addressType: string, path: FieldPath): FieldError[] {
  switch (addressType) {
    case 'IPv4':
    case 'IPv6': {
      const family = addressType === 'IPv4' ? 4 : 6;
      if (ipFamily(address) !== family) {
        return [invalid(path, address, `must be a valid ${addressType} address`)];
      }
      return specialIp(address, path);
    }
    case 'FQDN':
      return invalidFor(isDnsSubdomain(address, false), address, path);
    default:
      return [];
  }
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  const path = FieldPath.of('ports');
  if (ports.length > MAX_PORTS) return [tooMany(path, ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return eachItem(ports, path, ({ name, protocol, appProtocol }, at) => {
    const errors: FieldError[] = [];
    if (name) errors.push(...invalidFor(isDnsLabel(name, false), name, at.at('name')));
    if (names.has(name ?? '')) errors.push(duplicate(at.at('name'), name ?? ''));
    names.add(name ?? '');
    if (protocol === undefined) errors.push(required(at.at('protocol')));
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(at.at('protocol'), protocol, PROTOCOLS));
    if (appProtocol !== undefined)
      errors.push(...invalidFor(isQualifiedName(appProtocol), appProtocol, at.at('appProtocol')));
    return errors;
  });
}
