import { defineResource } from '#machinery/resource/define.ts';

export const priorityLevelConfiguration = defineResource(
  'flowcontrol.apiserver.k8s.io/v1',
  'PriorityLevelConfiguration',
  {
    plural: 'prioritylevelconfigurations',
    scope: 'cluster',
    subresources: { status: true },
  },
);
