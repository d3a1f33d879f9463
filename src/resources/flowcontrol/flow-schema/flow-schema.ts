import { defineResource } from '#machinery/resource/define.ts';

export const flowSchema = defineResource('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', {
  plural: 'flowschemas',
  scope: 'cluster',
  subresources: { status: true },
});
