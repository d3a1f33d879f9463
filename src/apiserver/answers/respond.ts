import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { KubeObject } from '#machinery/object.ts';
import type { CachedObject } from '../cache/cache.ts';
import type { DerivedBytes } from '../cache/derived-bytes.ts';
import type { Answer, AnswerHeaders } from '../http/exchange.ts';
import type { Exchange } from '../request/exchange.ts';
import { isStorageVersion, toServed } from '../registry/versions.ts';
import type { ServedResource } from '../registry/registry.ts';
import type { Form } from './form.ts';

/** Bodies from here on are compressed for clients that take it; below, it costs more than it saves. */
const GZIP_FROM_BYTES = 128 * 1024;
const GZIP_LEVEL = constants.Z_BEST_SPEED;

const compress = promisify(gzip);

/** The parts of stored objects in a form: kept ones, or made now. */
export async function partsOf(
  served: ServedResource,
  form: Form,
  entries: readonly CachedObject[],
  derived: DerivedBytes,
): Promise<readonly unknown[]> {
  if (form.ofStored || isStorageVersion(served)) {
    return entries.map((entry) => derived.get(entry, form.key, () => form.part(entry.object())));
  }
  // a conversion takes a batch: what is kept already is converted again only where the batch needs it
  const objects = await toServed(
    served,
    entries.map((entry) => entry.object()),
  );
  return entries.map((entry, index) => {
    return derived.get(entry, form.key, () => form.part(objects[index] ?? entry.object()));
  });
}

/** The part of one object that is not in the cache (a dry run, an object that is gone). */
export async function partOfObject(served: ServedResource, form: Form, object: KubeObject): Promise<unknown> {
  const [converted = object] = form.ofStored ? [object] : await toServed(served, [object]);
  return form.part(converted).value;
}

interface AnswerOptions {
  readonly status?: number;
  readonly headers?: AnswerHeaders;
}

/** An answer with a body of the form's media type, compressed where that helps. */
export async function answerOf(
  exchange: Exchange,
  contentType: string,
  chunks: readonly Uint8Array[],
  { status = 200, headers = {} }: AnswerOptions = {},
): Promise<Answer> {
  const all: AnswerHeaders = {
    'content-type': contentType,
    'cache-control': 'no-cache, private',
    ...headers,
  };
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  if (bytes >= GZIP_FROM_BYTES && takesGzip(exchange)) {
    const body = await compress(Buffer.concat(chunks), { level: GZIP_LEVEL });
    return { status, headers: { ...all, 'content-encoding': 'gzip', vary: 'Accept-Encoding' }, body: [body] };
  }
  // small pieces go out as one: every piece costs a write
  const body = bytes < GZIP_FROM_BYTES && chunks.length > 1 ? [Buffer.concat(chunks, bytes)] : chunks;
  return { status, headers: all, body };
}

function takesGzip({ request }: Exchange): boolean {
  const accepted = request.header('accept-encoding');
  return (
    accepted !== undefined && accepted.split(',').some((part) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(part))
  );
}
