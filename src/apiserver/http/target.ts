import type { TLSSocket } from 'node:tls';

/** A request target taken apart. A path that is not valid percent-encoding stays as it is and will not be found. */
export function pathAndQuery(target: string): { rawPath: string; path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  return {
    rawPath,
    path: rawPath.includes('%') ? decoded(rawPath) : rawPath,
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** DER of the client certificate where TLS verified it against the client authorities. */
export function verifiedCertificate(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.authorized) return undefined;
  return socket.getPeerX509Certificate()?.raw;
}
