import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HorizontalPodAutoscaler } from '#machinery/types/autoscaling-v2.ts';
import { convertAutoscalers } from './conversion.ts';

const autoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', annotations: { mine: 'kept' } },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } },
      { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '1k' } } },
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
    ],
    behavior: {
      scaleUp: { selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }], tolerance: '50m' },
    },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'R' }],
  },
} as HorizontalPodAutoscaler;

test('autoscaler: v1 shows the CPU target as a field and the rest as annotations', () => {
  const [old] = convertAutoscalers([autoscaler], 'v1');
  assert.partialDeepStrictEqual(old, { spec: { targetCPUUtilizationPercentage: 60 } });
  assert.equal(old?.metadata.annotations?.['mine'], 'kept');
  assert.equal(
    old?.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'],
    '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"100Mi"}},{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"1k"}}]',
  );
});

test('autoscaler: nothing is lost on the way to v1 and back', () => {
  assert.deepEqual(convertAutoscalers(convertAutoscalers([autoscaler], 'v1'), 'v2'), [autoscaler]);
});

test('autoscaler: annotations that a client broke are left out', () => {
  const [old] = convertAutoscalers([autoscaler], 'v1');
  assert.ok(old);
  const broken = { ...old, metadata: { annotations: { 'autoscaling.alpha.kubernetes.io/metrics': 'x' } } };
  const [back] = convertAutoscalers([broken], 'v2') as readonly HorizontalPodAutoscaler[];
  assert.equal(back?.spec.metrics?.length, 1);
  assert.equal(back?.metadata.annotations, undefined);
});

test('autoscaler: rules in the annotation get no policies that it does not name', () => {
  const [old] = convertAutoscalers([autoscaler], 'v1');
  assert.ok(old);
  const annotations = { 'autoscaling.alpha.kubernetes.io/behavior': '{"ScaleUp":{"StabilizationWindowSeconds":9}}' };
  const [back] = convertAutoscalers([{ ...old, metadata: { annotations } }], 'v2');
  assert.deepEqual((back as HorizontalPodAutoscaler).spec.behavior?.scaleUp?.policies, []);
});
