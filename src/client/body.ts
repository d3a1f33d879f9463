import type { TransportResponse } from './client.ts';

/** A whole response body larger than this is refused: lists are read in pages far below it. */
export const MAX_BODY_BYTES = 512 * 1024 * 1024;
/** One watch event larger than this breaks the watch: an object is at most a few MiB. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** The whole body in one piece. */
export async function readBody(response: TransportResponse): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size);
}

/** The lines of a stream, in batches: all that one piece of the body completed. Reads no further until it is asked. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  let partial: Uint8Array[] = [];
  let partialSize = 0;
  for await (const chunk of body) {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      const line = partialSize > 0 ? Buffer.concat([...partial, rest]) : rest;
      partial = [];
      partialSize = 0;
      start = end + 1;
      if (line.byteLength > 0) lines.push(line);
    }
    if (start < chunk.byteLength) {
      partial.push(chunk.subarray(start));
      partialSize += chunk.byteLength - start;
      if (partialSize > MAX_FRAME_BYTES) throw new Error(`a watch event is larger than ${MAX_FRAME_BYTES} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
  if (partialSize > 0) throw new Error('the stream ended within an event');
}
