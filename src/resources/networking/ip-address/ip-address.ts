import { type FieldError, FieldPath, required } from '#machinery/field-error.ts';
import { column, nameColumn } from '#machinery/resource/columns.ts';
import { defineResource } from '#machinery/resource/define.ts';
import type { IPAddress } from '#machinery/types/networking-v1.ts';
import { invalidFor } from '#machinery/validation/basics.ts';
import { validateImmutable } from '#machinery/validation/metadata.ts';
import { isDnsSubdomain, isPathSegment } from '#machinery/validation/names.ts';
import { canonicalIp } from '#machinery/validation/net.ts';
import { segment } from '../object-reference.ts';

const PARENT = FieldPath.of('spec', 'parentRef');

/** An address that is taken, and by whom. Its name is the address. Source: networking.k8s.io/v1 API, KEP-1880. */
export const ipAddress = defineResource('networking.k8s.io/v1', 'IPAddress', {
  plural: 'ipaddresses',
  scope: 'cluster',
  shortNames: ['ip'],
  otherVersions: { v1beta1: {} },
  validateName: (name) => (canonicalIp(name) === name ? [] : ['must be a valid IP address in canonical form']),
  allColumns: [nameColumn, column('ParentRef', parentCell)],

  validate: validateParent,
  validateUpdate: (address, old) => [
    ...validateParent(address),
    ...validateImmutable(address.spec?.parentRef, old.spec?.parentRef, PARENT),
  ],
});

function parentCell({ spec }: IPAddress): string {
  const { group, resource, namespace, name } = spec?.parentRef ?? {};
  if (resource === undefined) return '<none>';
  return [group ? `${resource}.${group}` : resource, ...(namespace ? [namespace] : []), name].join('/');
}

function validateParent({ spec }: IPAddress): FieldError[] {
  const parent = spec?.parentRef;
  if (!parent) return [required(PARENT)];
  const { group, namespace } = parent;
  return [
    ...(group ? invalidFor(isDnsSubdomain(group, false), group, PARENT.at('group')) : []),
    ...segment(parent.resource, PARENT.at('resource')),
    ...segment(parent.name, PARENT.at('name')),
    ...(namespace ? invalidFor(isPathSegment(namespace, false), namespace, PARENT.at('namespace')) : []),
  ];
}
