import { type FieldError, FieldPath, forbidden, invalid, required, tooLong } from '#machinery/field-error.ts';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '#machinery/types/storage-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsSubdomain } from '#machinery/validation/names.ts';
import { isNodeName } from '../../core/node/node-name.ts';
import { validateInlineVolumeSpec } from '../../core/persistent-volume/inline.ts';
import { validateCsiDriverName } from '../../core/pod/validation/network-volumes.ts';
import { validateDriverName } from '../parameters.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');
const MAX_METADATA_BYTES = 256 * 1024;
const MAX_MESSAGE = 1024;

export function validateVolumeAttachment(attachment: VolumeAttachment): FieldError[] {
  const { attacher, source, nodeName } = attachment.spec;
  const volume = source?.persistentVolumeName;
  return [
    ...validateParts(attachment),
    ...validateCsiDriverName(attacher, SPEC.at('attacher')),
    ...(volume ? invalidFor(isDnsSubdomain(volume, false), volume, SPEC.at('source', 'persistentVolumeName')) : []),
    ...invalidFor(isNodeName(nodeName ?? '', false), nodeName ?? '', SPEC.at('nodeName')),
  ];
}

export function validateVolumeAttachmentUpdate(attachment: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  return [
    ...validateParts(attachment),
    ...invalidFor(
      isNodeName(attachment.spec.nodeName ?? '', false),
      attachment.spec.nodeName ?? '',
      SPEC.at('nodeName'),
    ),
    ...validateImmutable(attachment.spec, old.spec, SPEC),
  ];
}

function validateParts({ spec, status }: VolumeAttachment): FieldError[] {
  const entries = Object.entries(status?.attachmentMetadata ?? {});
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...validateDriverName(spec.attacher, SPEC.at('attacher')),
    ...validateSource(spec.source ?? {}, SPEC.at('source')),
    ...(bytes > MAX_METADATA_BYTES ? [tooLong(STATUS.at('attachmentMetadata'), MAX_METADATA_BYTES)] : []),
    ...validateVolumeError(status?.attachError, STATUS.at('attachError')),
    ...validateVolumeError(status?.detachError, STATUS.at('detachError')),
  ];
}

function validateSource(
  { inlineVolumeSpec, persistentVolumeName }: VolumeAttachmentSource,
  path: FieldPath,
): FieldError[] {
  if (!inlineVolumeSpec && persistentVolumeName === undefined) {
    return [required(path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')];
  }
  if (inlineVolumeSpec && persistentVolumeName !== undefined) {
    return [forbidden(path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')];
  }
  if (inlineVolumeSpec) return validateInlineVolumeSpec(inlineVolumeSpec, path.at('inlineVolumeSpec'));
  return persistentVolumeName
    ? []
    : [required(path.at('persistentVolumeName'), 'must specify non empty persistentVolumeName')];
}

function validateVolumeError(error: VolumeError | undefined, path: FieldPath): FieldError[] {
  if (!error) return [];
  return [
    ...((error.message ?? '').length > MAX_MESSAGE ? [tooLong(path.at('message'), MAX_MESSAGE)] : []),
    ...(error.errorCode !== undefined && error.errorCode < 0
      ? [invalid(path.at('errorCode'), error.errorCode, 'must be greater than or equal to 0')]
      : []),
  ];
}
