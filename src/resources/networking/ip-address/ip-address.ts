import { defineResource } from '#machinery/resource/define.ts';

export const ipAddress = defineResource('networking.k8s.io/v1', 'IPAddress', {
  plural: 'ipaddresses',
  scope: 'cluster',
  shortNames: ['ip'],
  otherVersions: { v1beta1: {} },
});
