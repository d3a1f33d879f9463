import { type ClientHttp2Session, connect } from 'node:http2';
import { adminCredential } from '#pki/identities.ts';
import type { Status } from '#machinery/types/meta-v1.ts';
import type { TestApiServer } from './api-server.ts';

/** A request as bytes: nothing is checked or completed on the way. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface RawAnswer {
  readonly code: number;
  readonly type: string;
  readonly bytes: Buffer;
  /** The body as JSON; undefined where it is not. */
  readonly json: unknown;
  /** The body where it is a Status, else an empty object. */
  readonly status: Partial<Status>;
}

/** An HTTP/2 connection to a test server, by default of a member of system:masters. */
export class RawClient implements Disposable {
  readonly session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
    session.on('error', () => undefined); // the streams tell
  }

  static async connect({ server, pki }: TestApiServer, options: { readonly anonymous?: boolean } = {}) {
    const own = options.anonymous ? undefined : await adminCredential(pki);
    const tls = { ca: pki.cluster.certificate, ...(own ? { cert: own.certificate, key: own.key } : {}) };
    return new RawClient(connect(`https://127.0.0.1:${server.port}`, tls));
  }

  send({ method, path, headers, body }: RawRequest): Promise<RawAnswer> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const stream = this.session.request(
      { ':method': method, ':path': path, ...type, ...headers },
      { endStream: body === undefined },
    );
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let code = 0;
      let answered = '';
      stream.on('response', (got) => {
        code = got[':status'] ?? 0;
        answered = got['content-type'] ?? '';
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        if (code === 0)
          reject(new Error(`${method} ${path.slice(0, 100)}: closed without an answer (${stream.rstCode})`));
        else resolve(answerOf(code, answered, Buffer.concat(chunks)));
      });
      if (body !== undefined) stream.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}

function answerOf(code: number, type: string, bytes: Buffer): RawAnswer {
  const json = type.startsWith('application/json') ? (JSON.parse(bytes.toString()) as unknown) : undefined;
  const isStatus = (json as Partial<Status> | undefined)?.kind === 'Status';
  return { code, type, bytes, json, status: isStatus ? (json as Status) : {} };
}
