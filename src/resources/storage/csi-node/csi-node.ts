import { semanticEqual } from '#machinery/equality.ts';
import { duplicate, type FieldError, FieldPath, invalid, required } from '#machinery/field-error.ts';
import { column } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { CSINode, CSINodeDriver } from '#machinery/types/storage-v1.ts';
import { eachItem, nonNegative } from '#machinery/validation/basics.ts';
import { validateCsiDriverName } from '../../core/pod/validation/network-volumes.ts';
import { validateTopologyKeys } from '../parameters.ts';

const MAX_NODE_ID = 256;

/** Which CSI drivers a node has. Source: storage.k8s.io/v1 API. */
export const csiNode = defineResource('storage.k8s.io/v1', 'CSINode', {
  plural: 'csinodes',
  scope: 'cluster',
  unconditionalUpdate: false,
  returnsDeleted: true,
  columns: [column('Drivers', ({ spec }) => (spec.drivers ?? []).length, { type: 'integer' })],

  validate: validateDrivers,
  validateUpdate: (node, old) => [...validateDrivers(node), ...validateSameDrivers(node, old)],
});

function validateDrivers({ spec }: CSINode): FieldError[] {
  const names = new Set<string>();
  return eachItem(spec.drivers, FieldPath.of('spec', 'drivers'), (driver, path) => {
    const errors = validateDriver(driver, path);
    if (names.has(driver.name)) errors.push(duplicate(path.at('name'), driver.name));
    names.add(driver.name);
    return errors;
  });
}

function validateDriver({ name, nodeID, topologyKeys, allocatable }: CSINodeDriver, path: FieldPath): FieldError[] {
  const id = path.at('nodeID');
  return [
    ...validateCsiDriverName(name, path.at('name')),
    ...(nodeID ? [] : [required(id, nodeID)]),
    ...((nodeID ?? '').length > MAX_NODE_ID ? [invalid(id, nodeID, `must be ${MAX_NODE_ID} characters or less`)] : []),
    ...nonNegative(allocatable?.count, path.at('allocatable', 'count')),
    ...validateTopologyKeys(topologyKeys, path),
  ];
}

/** A driver's entry may come and go, but of one that stays only the number of volumes may change. */
function validateSameDrivers(node: CSINode, old: CSINode): FieldError[] {
  return (old.spec.drivers ?? []).flatMap((before) => {
    const now = (node.spec.drivers ?? []).find(({ name }) => name === before.name);
    if (!now) return [];
    const { allocatable: _, ...fixed } = now;
    const { allocatable: __, ...was } = before;
    return semanticEqual(fixed, was) ? [] : [invalid(FieldPath.of('CSINodeDriver'), now, 'field is immutable')];
  });
}
