import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { parseYaml } from '#machinery/codec/yaml.ts';

export interface RawAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly warnings: number;
  readonly body: Buffer;
}

interface Kubeconfig {
  readonly 'current-context': string;
  readonly contexts: readonly {
    readonly name: string;
    readonly context: { readonly cluster: string; readonly user: string };
  }[];
  readonly clusters: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[];
  readonly users: readonly { readonly name: string; readonly user: Readonly<Record<string, string>> }[];
}

const REQUEST_LIMIT_MS = 10_000;

/** One connection to an API server, by a kubeconfig with a certificate or a token. */
export class GoldenServer implements AsyncDisposable {
  readonly #options: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #budget = AbortSignal.any([]);

  constructor(kubeconfig: string) {
    const config = parseYaml(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
    const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster ?? {};
    const user = config.users.find(({ name }) => name === context?.user)?.user ?? {};
    const url = new URL(cluster['server'] ?? '');
    const read = (source: Readonly<Record<string, string>>, key: string) => {
      const data = source[`${key}-data`];
      if (data) return Buffer.from(data, 'base64');
      const file = source[key];
      return file ? readFileSync(file) : undefined;
    };
    this.#options = {
      host: url.hostname,
      port: url.port,
      agent: this.#agent,
      timeout: REQUEST_LIMIT_MS,
      ca: read(cluster, 'certificate-authority'),
      cert: read(user, 'client-certificate'),
      key: read(user, 'client-key'),
      headers: user['token'] ? { authorization: `Bearer ${user['token']}` } : {},
    };
  }

  /** Begins a piece of work: requests are refused when it has taken longer, in milliseconds. */
  allow(budgetMs: number): void {
    this.#budget = AbortSignal.timeout(budgetMs);
  }

  send(
    method: string,
    path: string,
    body?: Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawAnswer> {
    this.#budget.throwIfAborted();
    return new Promise((resolve, reject) => {
      const length = body ? { 'content-length': body.length } : {};
      const own = this.#options.headers as Record<string, string>;
      const call = request(
        { ...this.#options, method, path, headers: { ...own, ...length, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              code: response.statusCode ?? 0,
              contentType: response.headers['content-type'] ?? '',
              warnings: response.headersDistinct['warning']?.length ?? 0,
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      call.on('timeout', () => call.destroy(new Error(`no answer after ${REQUEST_LIMIT_MS} ms`)));
      call.on('error', reject);
      call.end(body);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}
