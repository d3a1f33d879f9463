import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draftOf } from '#machinery/object.ts';
import type { Service, ServiceSpec } from '#machinery/types/core-v1.ts';
import { alignClusterIps, dropTypeDependentFields, keepAllocated } from './type-change.ts';

function service(spec: ServiceSpec): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec, status: { loadBalancer: {} } };
}

const nodePort = service({
  type: 'NodePort',
  clusterIP: '10.43.0.9',
  clusterIPs: ['10.43.0.9'],
  externalTrafficPolicy: 'Cluster',
  ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30080 }],
});

test('service: a put that leaves out what was allocated keeps it', () => {
  const draft = draftOf(service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] }));
  keepAllocated(draft, nodePort);
  assert.equal(draft.spec.clusterIP, '10.43.0.9');
  assert.equal(draft.spec.ports?.[0]?.nodePort, 30080);
});

test('service: a node port goes with the type that had it', () => {
  const draft = draftOf(service({ ...nodePort.spec, type: 'ClusterIP' }));
  dropTypeDependentFields(draft, nodePort);
  assert.equal(draft.spec.ports?.[0]?.nodePort, undefined);
  assert.equal(draft.spec.externalTrafficPolicy, undefined);
  assert.equal(draft.spec.clusterIP, '10.43.0.9');
});

test('service: a client that knows only clusterIP changes both fields with it', () => {
  const draft = draftOf(service({ ...nodePort.spec, clusterIP: '' }));
  alignClusterIps(draft, nodePort);
  assert.equal(draft.spec.clusterIPs, undefined);
});
