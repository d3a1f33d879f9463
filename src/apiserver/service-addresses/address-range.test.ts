import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressRange, addressRange, candidates, holds } from './address-range.ts';

function range(cidr: string): AddressRange {
  const made = addressRange(cidr);
  assert.ok(made, cidr);
  return made;
}

test('address range: neither the network nor the broadcast address is given out', () => {
  const small = range('192.0.2.0/29');
  assert.deepEqual(
    [...candidates(small, () => 0)],
    [1, 2, 3, 4, 5, 6].map((last) => `192.0.2.${last}`),
  );
  assert.equal(holds(small, '192.0.2.0'), false);
  assert.equal(holds(small, '192.0.2.7'), false);
  assert.equal(holds(small, '192.0.2.6'), true);
  assert.equal(holds(small, '2001:db8::1'), false);
});

test('address range: the static band comes last, and each address once', () => {
  const wide = range('10.43.0.0/24');
  assert.equal(wide.band, 16n);
  const all = [...candidates(wide, () => 0.5)];
  assert.equal(new Set(all).size, 254);
  assert.deepEqual(
    all.slice(-16).sort((a, b) => Number(a.slice(8)) - Number(b.slice(8))),
    Array.from({ length: 16 }, (_, at) => `10.43.0.${at + 1}`),
  );
});

test('address range: sizes of the static band', () => {
  const bands = { '10.43.0.0/16': 256n, '10.43.0.0/23': 32n, '10.43.0.0/27': 16n, '10.43.0.0/28': 0n };
  for (const [cidr, band] of Object.entries(bands)) assert.equal(range(cidr).band, band, cidr);
});

test('address range: one address, IPv6, and what is no range', () => {
  assert.deepEqual([...candidates(range('192.0.2.5/32'), () => 0)], []);
  const six = range('fd00:43::/112');
  assert.equal(candidates(six, () => 0).next().value, 'fd00:43::101');
  assert.equal(holds(six, 'fd00:43::ffff'), true);
  assert.equal(addressRange('10.43.0.0'), undefined);
});
