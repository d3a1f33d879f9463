import { type FieldError, type FieldPath, forbidden, invalid, notFound, required } from '#machinery/field-error.ts';
import type { Container, EphemeralContainer, VolumeDevice, VolumeMount } from '#machinery/types/core-v1.ts';
import { eachItem, optionalOneOf } from '#machinery/validation/basics.ts';
import type { PodScope } from './options.ts';
import { validateLocalPath } from './paths.ts';

type AnyContainer = Pick<Container | EphemeralContainer, 'volumeMounts' | 'volumeDevices' | 'securityContext'>;

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];
const RECURSIVE_READ_ONLY = ['Disabled', 'Enabled', 'IfPossible'];

export function validateVolumeMounts(container: AnyContainer, path: FieldPath, scope: PodScope): FieldError[] {
  const devices = container.volumeDevices ?? [];
  const mountPoints = new Set<string>();
  return eachItem(container.volumeMounts, path, (mount, at) => {
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(at.at('name')));
    if (!mount.mountPath) errors.push(required(at.at('mountPath')));
    if (!scope.volumes.has(mount.name)) errors.push(notFound(at.at('name'), mount.name));
    if (mountPoints.has(mount.mountPath)) {
      errors.push(invalid(at.at('mountPath'), mount.mountPath, 'must be unique'));
    }
    mountPoints.add(mount.mountPath);
    if (devices.some(({ name }) => name === mount.name)) {
      errors.push(invalid(at.at('name'), mount.name, 'must not already exist in volumeDevices'));
    }
    if (devices.some(({ devicePath }) => devicePath === mount.mountPath)) {
      errors.push(invalid(at.at('mountPath'), mount.mountPath, 'must not already exist as a path in volumeDevices'));
    }
    return [
      ...errors,
      ...validateSubPaths(mount, path, at),
      ...validateSharing(container, mount, path, at),
      ...validateImageMount(mount, at, scope),
    ];
  });
}

function validateSubPaths({ subPath, subPathExpr }: VolumeMount, path: FieldPath, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (subPath) errors.push(...validateLocalPath(subPath, path.at('subPath')));
  if (subPathExpr) {
    if (subPath) {
      errors.push(invalid(at.at('subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    }
    errors.push(...validateLocalPath(subPathExpr, path.at('subPathExpr')));
  }
  return errors;
}

/** Upstream gives errors about propagation at the list, without an index; `at` is the mount's own place. */
function validateSharing(
  { securityContext }: AnyContainer,
  mount: VolumeMount,
  path: FieldPath,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (mount.mountPropagation !== undefined) {
    errors.push(...optionalOneOf(mount.mountPropagation || ' ', PROPAGATIONS, path.at('mountPropagation')));
    if (mount.mountPropagation === 'Bidirectional' && !securityContext?.privileged) {
      errors.push(
        forbidden(
          path.at('mountPropagation'),
          'Bidirectional mount propagation is available only to privileged containers',
        ),
      );
    }
  }
  return [...errors, ...validateRecursiveReadOnly(mount, at)];
}

function validateRecursiveReadOnly(mount: VolumeMount, path: FieldPath): FieldError[] {
  const { recursiveReadOnly } = mount;
  if (recursiveReadOnly === undefined) return [];
  const at = path.at('recursiveReadOnly');
  const errors = optionalOneOf(recursiveReadOnly || ' ', RECURSIVE_READ_ONLY, at);
  if (errors.length > 0 || recursiveReadOnly === 'Disabled') return errors;
  if (!mount.readOnly) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
  if (mount.mountPropagation && mount.mountPropagation !== 'None') {
    errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

function validateImageMount(mount: VolumeMount, path: FieldPath, scope: PodScope): FieldError[] {
  if (!scope.volumes.get(mount.name)?.image) return [];
  return mount.subPathExpr ? [forbidden(path.at('subPathExpr'), 'not allowed in image volume sources')] : [];
}

export function validateVolumeDevices(container: AnyContainer, path: FieldPath, scope: PodScope): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const paths = new Set<string>();
  const names = new Set<string>();
  return eachItem(container.volumeDevices, path, (device: VolumeDevice, at) => {
    const errors: FieldError[] = [];
    const { name, devicePath } = device;
    const volume = scope.volumes.get(name);
    if (!name) errors.push(required(at.at('name')));
    if (names.has(name)) errors.push(invalid(at.at('name'), name, 'must be unique'));
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral) {
      errors.push(
        invalid(
          at.at('name'),
          name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    }
    if (!volume) errors.push(notFound(at.at('name'), name));
    if (!devicePath) errors.push(required(at.at('devicePath')));
    if (paths.has(devicePath)) errors.push(invalid(at.at('devicePath'), devicePath, 'must be unique'));
    if (devicePath && devicePath.split('/').includes('..')) {
      errors.push(invalid(at.at('devicePath'), devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (mounts.some((mount) => mount.mountPath === devicePath)) {
      errors.push(invalid(at.at('devicePath'), devicePath, 'must not already exist as a path in volumeMounts'));
    }
    if (mounts.some((mount) => mount.name === name)) {
      errors.push(invalid(at.at('name'), name, 'must not already exist in volumeMounts'));
    }
    names.add(name);
    return errors;
  });
}
