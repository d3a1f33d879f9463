/**
 * The floor of the API benchmark: node:http2 over TLS that sends the same bytes as the API server did, and does nothing
 * else. Started by api.ts with certificate, key and answers in a JSON file; prints its port.
 */
import { readFileSync } from 'node:fs';
import { constants, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

interface Setting {
  readonly certificate: string;
  readonly key: string;
  readonly object: string;
  readonly list: string;
  readonly event: string;
}

const setting = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Setting;
const object = Buffer.from(setting.object);
const list = Buffer.from(setting.list);
const event = Buffer.from(setting.event);
const watchers = new Set<ServerHttp2Stream>();

const server = createSecureServer({
  cert: setting.certificate,
  key: setting.key,
  settings: { maxConcurrentStreams: 1_000 },
});
server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
  const path = String(headers[constants.HTTP2_HEADER_PATH]);
  const type = { 'content-type': 'application/json' };
  if (headers[constants.HTTP2_HEADER_METHOD] === 'POST') {
    stream.on('data', () => undefined);
    stream.on('end', () => {
      stream.respond({ ':status': 201, ...type });
      stream.end(object);
      for (const watcher of watchers) watcher.write(event);
    });
  } else if (path.includes('watch=')) {
    stream.respond({ ':status': 200, ...type });
    watchers.add(stream);
    stream.on('close', () => watchers.delete(stream));
  } else {
    stream.respond({ ':status': 200, ...type });
    stream.end(path.endsWith('/pods') ? list : object);
  }
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
