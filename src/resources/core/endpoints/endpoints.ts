import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import { ageColumn, column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '#machinery/types/core-v1.ts';
import { eachItem, invalidFor, portNumber } from '#machinery/validation/basics.ts';
import { isQualifiedName } from '#machinery/validation/labels.ts';
import { isDnsLabel } from '#machinery/validation/names.ts';
import { isValidIp } from '#machinery/validation/net.ts';
import { isNodeName } from '../node/node-name.ts';
import { ipWarnings, specialIp } from './special-ip.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const SHOWN = 3;

/** All addresses behind a Service in one object; EndpointSlices are their successors. Source: core/v1 API. */
export const endpoints = defineResource('v1', 'Endpoints', {
  plural: 'endpoints',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  singular: 'endpoints',
  storagePath: 'services/endpoints',
  scope: 'namespaced',
  shortNames: ['ep'],
  createOnUpdate: true,

  allColumns: [nameColumn, column('Endpoints', endpointsCell), ageColumn],

  defaults({ subsets }) {
    for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
  },

  validate: validateEndpoints,
  warnings: ({ subsets }) => [
    'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    ...(subsets ?? []).flatMap(({ addresses }, subset) =>
      (addresses ?? []).flatMap(({ ip }, index) => ipWarnings(ip ?? '', `subsets[${subset}].addresses[${index}].ip`)),
    ),
  ],
});

function validateEndpoints({ subsets }: Endpoints): FieldError[] {
  return eachItem(subsets, FieldPath.of('subsets'), validateSubset);
}

function validateSubset({ addresses, notReadyAddresses, ports }: EndpointSubset, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if ((addresses ?? []).length === 0 && (notReadyAddresses ?? []).length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  const named = (ports ?? []).length > 1;
  return [
    ...errors,
    ...eachItem(addresses, path.at('addresses'), validateAddress),
    ...eachItem(notReadyAddresses, path.at('notReadyAddresses'), validateAddress),
    ...eachItem(ports, path.at('ports'), (port, at) => validatePort(port, named, at)),
  ];
}

function validateAddress({ ip, hostname, nodeName }: EndpointAddress, path: FieldPath): FieldError[] {
  const errors = isValidIp(ip ?? '', path.at('ip'));
  if (hostname) errors.push(...invalidFor(isDnsLabel(hostname, false), hostname, path.at('hostname')));
  if (nodeName !== undefined) errors.push(...invalidFor(isNodeName(nodeName, false), nodeName, path.at('nodeName')));
  return [...errors, ...mappedIp(ip ?? '', path.at('ip')), ...specialIp(ip ?? '', path.at('ip'))];
}

function mappedIp(ip: string, path: FieldPath): FieldError[] {
  return /^::ffff:/i.test(ip) ? [invalid(path, ip, 'must not be an IPv4-mapped IPv6 address')] : [];
}

function validatePort(
  { name, port, protocol, appProtocol }: EndpointPort,
  named: boolean,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (named && !name) errors.push(required(path.at('name')));
  else if (name) errors.push(...invalidFor(isDnsLabel(name, false), name, path.at('name')));
  errors.push(...portNumber(port ?? 0, path.at('port')));
  if (!protocol) errors.push(required(path.at('protocol')));
  else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(path.at('protocol'), protocol, PROTOCOLS));
  if (appProtocol !== undefined)
    errors.push(...invalidFor(isQualifiedName(appProtocol), appProtocol, path.at('appProtocol')));
  return errors;
}

function endpointsCell({ subsets }: Endpoints): string {
  const shown: string[] = [];
  let count = 0;
  for (const { addresses, ports } of subsets ?? []) {
    const list = ports ?? [];
    for (const { ip } of addresses ?? []) {
      const texts =
        list.length === 0 ? [ip] : list.map(({ port }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`));
      count += texts.length;
      shown.push(...texts.slice(0, Math.max(0, SHOWN - shown.length)));
    }
  }
  if (count === 0) return '<none>';
  return shown.join(',') + (count > SHOWN ? ` + ${count - SHOWN} more...` : '');
}
