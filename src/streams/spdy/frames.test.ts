import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { headerDictionary } from './dictionary.ts';
import { type Frame, FrameReader, HeaderReader } from './frames.ts';

const RUNS = { numRuns: 300, seed: 20_260_412 };

function headerBlock(plain: Uint8Array): Uint8Array {
  return deflateSync(plain, { dictionary: headerDictionary });
}

test('frames: bytes of strangers are frames, or an error; how they are cut makes no difference', () => {
  const read = (chunks: readonly Uint8Array[]): readonly Frame[] | string => {
    const reader = new FrameReader();
    try {
      return chunks.flatMap((chunk) => [...reader.read(chunk)]);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const bytes = fc
    .array(fc.constantFrom(0, 0, 0, 1, 2, 3, 8, 0x80, 0xff), { maxLength: 60 })
    .map((list) => Uint8Array.from(list));
  fc.assert(
    fc.property(bytes, fc.nat(60), (all, cut) => {
      assert.deepEqual(read([all.subarray(0, cut), all.subarray(cut)]), read([all]));
    }),
    RUNS,
  );
});

test('frames: header blocks that are broken, cut off or bombs are errors', async () => {
  const refused = async (block: Uint8Array) => {
    using reader = new HeaderReader();
    await assert.rejects(reader.read(block), Error);
  };
  await refused(Buffer.from('no deflate'));
  await refused(headerBlock(Buffer.alloc(10_000_000)));
  await refused(headerBlock(Buffer.from([0, 0, 0, 9, 0, 0, 0, 1])));
  await refused(headerBlock(Buffer.from([0xff, 0xff, 0xff, 0xff])));
  await refused(headerBlock(Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x61])));
});
