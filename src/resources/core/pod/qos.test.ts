import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec, ResourceRequirements } from '#machinery/types/core-v1.ts';
import { qosClassOf } from './qos.ts';

function pod(...resources: readonly ResourceRequirements[]): PodSpec {
  return { containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })) };
}

const full = { cpu: '1', memory: '1Gi' };

const cases: readonly (readonly [string, PodSpec, string])[] = [
  ['nothing asked for', pod({}), 'BestEffort'],
  ['zero is nothing', pod({ requests: { cpu: '0' } }), 'BestEffort'],
  ['only an extended resource', pod({ limits: { 'example.com/gpu': '1' } }), 'BestEffort'],
  ['all limited to what is requested', pod({ limits: full, requests: full }), 'Guaranteed'],
  [
    'the same amounts written otherwise',
    pod({ limits: full, requests: { cpu: '1000m', memory: '1024Mi' } }),
    'Guaranteed',
  ],
  ['one container without limits', pod({ limits: full, requests: full }, {}), 'Burstable'],
  ['requests below limits', pod({ limits: full, requests: { cpu: '500m', memory: '1Gi' } }), 'Burstable'],
  ['limits of the pod as a whole', { ...pod({}), resources: { limits: full, requests: full } }, 'Guaranteed'],
];

for (const [name, spec, expected] of cases) {
  test(`quality of service: ${name} is ${expected}`, () => {
    assert.equal(qosClassOf(spec), expected);
  });
}
