import { defineResource } from '#machinery/resource/define.ts';

export const horizontalPodAutoscaler = defineResource('autoscaling/v2', 'HorizontalPodAutoscaler', {
  plural: 'horizontalpodautoscalers',
  scope: 'namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: { status: true },
  otherVersions: { v1: {} },
});
