import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '#machinery/types/networking-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { validateLabelSelector } from '#machinery/validation/labels.ts';
import { cidrContains, isPortName, isPortNumber, isStrictCidr, parseCidr } from '#machinery/validation/net.ts';

const SPEC = FieldPath.of('spec');
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICY_TYPES = ['Egress', 'Ingress'];

export function validateNetworkPolicy({ spec }: NetworkPolicy): FieldError[] {
  const types = spec.policyTypes ?? [];
  const at = SPEC.at('policyTypes');
  return [
    ...validateLabelSelector(spec.podSelector, SPEC.at('podSelector')),
    ...eachItem(spec.ingress, SPEC.at('ingress'), ({ ports, from }, path) => [
      ...eachItem(ports, path.at('ports'), validatePort),
      ...eachItem(from, path.at('from'), validatePeer),
    ]),
    ...eachItem(spec.egress, SPEC.at('egress'), ({ ports, to }, path) => [
      ...eachItem(ports, path.at('ports'), validatePort),
      ...eachItem(to, path.at('to'), validatePeer),
    ]),
    ...(types.length > POLICY_TYPES.length
      ? [invalid(at, types, 'may not specify more than two policyTypes')]
      : eachItem(types, at, (type, path) =>
          POLICY_TYPES.includes(type) ? [] : [notSupported(path, type, POLICY_TYPES)],
        )),
  ];
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const end = path.at('endPort');
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(path.at('protocol'), protocol, PROTOCOLS));
  }
  if (port === undefined) {
    if (endPort !== undefined) errors.push(invalid(end, endPort, 'may not be specified when `port` is not specified'));
  } else if (typeof port === 'number') {
    errors.push(...invalidFor(isPortNumber(port), port, path.at('port')));
    if (endPort !== undefined) {
      if (endPort < port) errors.push(invalid(end, port, 'must be greater than or equal to `port`'));
      errors.push(...invalidFor(isPortNumber(endPort), endPort, end));
    }
  } else {
    if (endPort !== undefined) errors.push(invalid(end, endPort, 'may not be specified when `port` is non-numeric'));
    errors.push(...invalidFor(isPortName(port), port, path.at('port')));
  }
  return errors;
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: FieldPath): FieldError[] {
  if (!podSelector && !namespaceSelector && !ipBlock) return [required(path, 'must specify a peer')];
  return [
    ...validateLabelSelector(podSelector, path.at('podSelector')),
    ...validateLabelSelector(namespaceSelector, path.at('namespaceSelector')),
    ...(ipBlock ? validateIpBlock(ipBlock, path.at('ipBlock')) : []),
    ...(ipBlock && (podSelector || namespaceSelector)
      ? [forbidden(path, 'may not specify both ipBlock and another peer')]
      : []),
  ];
}

function validateIpBlock({ cidr, except }: IPBlock, path: FieldPath): FieldError[] {
  if (!cidr) return [required(path.at('cidr'))];
  const errors = isStrictCidr(cidr, path.at('cidr'));
  const outer = parseCidr(cidr);
  if (errors.length > 0 || !outer) return errors;
  return eachItem(except, path.at('except'), (text, at) => {
    const wrong = isStrictCidr(text, at);
    const inner = parseCidr(text);
    if (wrong.length > 0 || !inner) return wrong;
    return cidrContains(outer, inner.address) && inner.bits > outer.bits
      ? []
      : [invalid(at, text, 'must be a strict subset of `cidr`')];
  });
}
