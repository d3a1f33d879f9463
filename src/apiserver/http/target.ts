import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** A request target taken apart. A path that is not valid percent-encoding stays as it is and will not be found. */
export function pathAndQuery(target: string): { rawPath: string; path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  return {
    rawPath,
    path: rawPath.includes('%') ? decoded(rawPath) : rawPath,
    query: readQuery(mark < 0 ? '' : target.slice(mark + 1)),
  };
}

const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;

/** Parameters as Go reads them: those with a bare semicolon or a broken escape are not there. */
function readQuery(query: string): URLSearchParams {
  if (!query.includes(';') && !BAD_ESCAPE.test(query)) return new URLSearchParams(query);
  const good = query.split('&').filter((parameter) => !parameter.includes(';') && !BAD_ESCAPE.test(parameter));
  return new URLSearchParams(good.join('&'));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const certificates = new WeakMap<TLSSocket, { readonly der: Uint8Array | undefined }>();

/**
 * DER of the client certificate where TLS verified it against the client authorities. Read once for each connection:
 * it stays the same (nothing asks for another, and renegotiation is off), and reading it costs more than a small answer.
 */
export function verifiedCertificate(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.authorized) return undefined;
  let known = certificates.get(socket);
  if (!known) {
    known = { der: socket.getPeerX509Certificate()?.raw };
    certificates.set(socket, known);
  }
  return known.der;
}

/** A body that may be left half read: whoever stops (it is too large) still has an answer to give on the connection. */
export function unfinished(body: Readable): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) };
}
