import { semanticEqual } from '#machinery/equality.ts';
import {
  duplicate,
  type FieldError,
  FieldPath,
  forbidden,
  invalid,
  notSupported,
  required,
} from '#machinery/field-error.ts';
import { draftOf } from '#machinery/object.ts';
import type { Node, Taint } from '#machinery/types/core-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isLabelValue, validateLabelName } from '#machinery/validation/labels.ts';
import { isNetworkAddress, isValidCidr, parseCidr } from '#machinery/validation/net.ts';
import { TAINT_EFFECTS } from '../pod/validation/scheduling.ts';
import { quantityErrors } from '../resource-names.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');

export function validateNode(node: Node): FieldError[] {
  return [
    ...validateTaints(node.spec?.taints, FieldPath.of('metadata', 'taints')),
    ...validateResources(node),
    ...validateFeatures(node),
    ...validatePodCidrs(node),
  ];
}

export function validateTaints(taints: readonly Taint[] | undefined, path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return eachItem(taints, path, ({ key, value, effect }, at) => {
    const errors = [...validateLabelName(key ?? '', at.at('key'))];
    if (value) {
      const messages = isLabelValue(value);
      if (messages.length > 0) errors.push(invalid(at.at('value'), value, messages.join(';')));
    }
    if (!effect) errors.push(required(at.at('effect')));
    else if (!TAINT_EFFECTS.includes(effect)) errors.push(notSupported(at.at('effect'), effect, TAINT_EFFECTS));
    const pair = `${effect}/${key}`;
    if (seen.has(pair)) errors.push({ ...duplicate(at, { key, value, effect }) });
    seen.add(pair);
    return errors;
  });
}

function validateResources({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((field) =>
    Object.entries(status?.[field] ?? {}).flatMap(([name, text]) => {
      return quantityErrors(name, text, STATUS.at(field, name));
    }),
  );
}

function validatePodCidrs({ spec }: Node): FieldError[] {
  const cidrs = spec?.podCIDRs ?? [];
  const path = SPEC.at('podCIDRs');
  if (cidrs.length === 0) return [];
  const errors = eachItem(cidrs, path, (text, at) => {
    const cidr = parseCidr(text);
    if (cidr && !isNetworkAddress(cidr)) {
      return [invalid(at, text, 'must not have bits set beyond the prefix length')];
    }
    return isValidCidr(text, at);
  });
  if (cidrs.length === 1) return errors;
  const families = new Set(cidrs.map((cidr) => parseCidr(cidr)?.family));
  if (cidrs.length > 2 || families.size !== cidrs.length) {
    errors.push(invalid(path, cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

/** Addresses for pods and the provider's name are given once. */
export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = validateTaints(node.spec?.taints, FieldPath.of('metadata', 'taints'));
  const before = old.spec?.podCIDRs ?? [];
  const now = node.spec?.podCIDRs ?? [];
  if (before.length > 0 && !semanticEqual(now, before)) {
    errors.push(forbidden(SPEC.at('podCIDRs'), 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec?.providerID && node.spec?.providerID !== old.spec.providerID) {
    errors.push(forbidden(SPEC.at('providerID'), 'node updates may not change providerID except from "" to valid'));
  }
  if (node.spec?.externalID !== old.spec?.externalID) {
    errors.push(forbidden(SPEC.at('externalID'), 'may not be updated'));
  }
  const fixed = (each: Node) => {
    const copy = draftOf(each.spec ?? {});
    for (const field of [
      'podCIDR',
      'podCIDRs',
      'providerID',
      'taints',
      'unschedulable',
      'configSource',
      'externalID',
    ] as const)
      delete copy[field];
    return copy;
  };
  if (!semanticEqual(fixed(node), fixed(old))) {
    errors.push(
      forbidden(
        SPEC,
        'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)',
      ),
    );
  }
  return [...errors, ...validatePodCidrs(node)];
}

const FEATURE = /^[A-Za-z][A-Za-z0-9]*(\/[A-Za-z][A-Za-z0-9]*)*$/;

/** Names of features, in order. Source: KEP-5328. */
function validateFeatures({ status }: Node): FieldError[] {
  const features = status?.declaredFeatures ?? [];
  return eachItem(features, STATUS.at('declaredFeatures'), (feature, at, index) => {
    const before = features[index - 1];
    if (!FEATURE.test(feature)) return [invalid(at, feature, 'must be a name of a feature')];
    if (before === undefined || before < feature) return [];
    return before === feature ? [duplicate(at, feature)] : [invalid(at, feature, 'list must be sorted')];
  });
}

export function validateNodeStatus(node: Node): FieldError[] {
  const seen = new Set<string>();
  return [
    ...validateResources(node),
    ...validateFeatures(node),
    ...eachItem(node.status?.addresses, STATUS.at('addresses'), (address, at) => {
      const key = `${address.type}/${address.address}`;
      if (seen.has(key)) return [duplicate(at, address)];
      seen.add(key);
      return [];
    }),
  ];
}
