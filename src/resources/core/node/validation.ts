import { semanticEqual } from '#machinery/equality.ts';
import { duplicate, type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import { draftOf } from '#machinery/object.ts';
import type { Node, Taint } from '#machinery/types/core-v1.ts';
import { eachItem } from '#machinery/validation/basics.ts';
import { isLabelValue, validateLabelName } from '#machinery/validation/labels.ts';
import { isValidCidr, parseCidr } from '#machinery/validation/net.ts';
import { TAINT_EFFECTS } from '../pod/validation/scheduling.ts';
import { quantityErrors, resourceName } from '../resource-names.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');

export function validateNode(node: Node): FieldError[] {
  return [
    ...validateTaints(node.spec?.taints, SPEC.at('taints')),
    ...validateResources(node),
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
      const path = STATUS.at(field).key(name);
      return [...resourceName(name, path), ...quantityErrors(name, text, path)];
    }),
  );
}

function validatePodCidrs({ spec }: Node): FieldError[] {
  const cidrs = spec?.podCIDRs ?? [];
  const path = SPEC.at('podCIDRs');
  if (cidrs.length === 0) return [];
  const errors = eachItem(cidrs, path, isValidCidr);
  if (cidrs.length === 1) return errors;
  const families = new Set(cidrs.map((cidr) => parseCidr(cidr)?.family));
  if (cidrs.length > 2 || families.size !== cidrs.length) {
    errors.push(invalid(path, cidrs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

/** Addresses for pods and the provider's name are given once. */
export function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = validateTaints(node.spec?.taints, SPEC.at('taints'));
  const before = old.spec?.podCIDRs ?? [];
  const now = node.spec?.podCIDRs ?? [];
  if (before.length > 0 && !semanticEqual(now, before)) {
    errors.push(forbidden(SPEC.at('podCIDRs'), 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec?.providerID && node.spec?.providerID !== old.spec.providerID) {
    errors.push(forbidden(SPEC.at('providerID'), 'node updates may not change providerID except from "" to valid'));
  }
  const fixed = (each: Node) => {
    const copy = draftOf(each.spec ?? {});
    for (const field of ['podCIDR', 'podCIDRs', 'providerID', 'taints', 'unschedulable', 'configSource'] as const) delete copy[field];
    return copy;
  };
  if (!semanticEqual(fixed(node), fixed(old))) {
    errors.push(forbidden(SPEC, 'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)'));
  }
  return [...errors, ...validatePodCidrs(node)];
}

export function validateNodeStatus(node: Node): FieldError[] {
  const seen = new Set<string>();
  return [
    ...validateResources(node),
    ...eachItem(node.status?.addresses, STATUS.at('addresses'), (address, at) => {
      const key = `${address.type}/${address.address}`;
      if (seen.has(key)) return [duplicate(at, address)];
      seen.add(key);
      return [];
    }),
  ];
}

