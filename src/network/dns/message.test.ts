import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DnsRecord, parseQuery, recordTypes, responseCodes, udpLimit, writeAnswer } from './message.ts';

function query(name: string, type: number, options: { udpSize?: number } = {}): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, options.udpSize ? 1 : 0]);
  const opt = options.udpSize
    ? Buffer.from([0, 0, 41, options.udpSize >> 8, options.udpSize & 255, 0, 0, 0, 0, 0, 0])
    : Buffer.alloc(0);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1]), opt]);
}

test('dns message: a question is read in lower case and repeated as it was sent', () => {
  const message = query('Web.Default.svc.cluster.local', recordTypes.A, { udpSize: 4096 });
  const parsed = parseQuery(message);
  assert.ok(parsed);
  assert.equal(parsed.name, 'web.default.svc.cluster.local');
  assert.equal(parsed.udpSize, 4096);
  const answer = writeAnswer(
    parsed,
    {
      code: responseCodes.NOERROR,
      authoritative: true,
      answers: [{ type: 'A', name: parsed.name, address: '10.43.0.7' }],
    },
    512,
  );
  assert.equal(answer.readUInt16BE(0), 0x1234);
  assert.ok(answer.includes(Buffer.from('Web')));
  assert.equal(answer.readUInt16BE(6), 1);
  assert.deepEqual(
    [...answer.subarray(-15 - 11 + 10, -11)].slice(-4),
    [10, 43, 0, 7],
    'the record ends in the address, the OPT record follows',
  );
});

test('dns message: names are compressed', () => {
  const parsed = parseQuery(query('_http._tcp.web.default.svc.cluster.local', recordTypes.SRV, { udpSize: 1232 }));
  assert.ok(parsed);
  const answers: DnsRecord[] = Array.from({ length: 20 }, (_item, index) => ({
    type: 'SRV',
    name: parsed.name,
    priority: 0,
    weight: 100,
    port: 80,
    target: `10-42-0-${index}.web.default.svc.cluster.local`,
  }));
  assert.ok(writeAnswer(parsed, { code: 0, authoritative: true, answers }, 65535).length < 1232);
});

test('dns message: an answer that does not fit is cut and marked', () => {
  const parsed = parseQuery(query('many.default.svc.cluster.local', recordTypes.A));
  assert.ok(parsed);
  assert.equal(udpLimit(parsed), 512);
  const answers: DnsRecord[] = Array.from({ length: 60 }, (_item, index) => ({
    type: 'A',
    name: parsed.name,
    address: `10.42.0.${index}`,
  }));
  const answer = writeAnswer(parsed, { code: 0, authoritative: true, answers }, udpLimit(parsed));
  assert.ok(answer.length <= 512);
  assert.equal(answer.readUInt8(2) & 2, 2);
  assert.equal(answer.readUInt16BE(6), 0);
});

test('dns message: no bytes from outside make the reader throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void parseQuery(bytes)),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.nat(40), fc.nat(255), (at, value) => {
      const message = query('a.b.svc.cluster.local', 1, { udpSize: 1232 });
      message[at % message.length] = value;
      const parsed = parseQuery(message);
      if (parsed) writeAnswer(parsed, { code: 0, authoritative: false, answers: [] }, 512);
    }),
  );
});
