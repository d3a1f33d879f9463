import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import type { Transport } from '#client/client.ts';
import { httpsTransport } from '#client/https.ts';
import { kubeconfigTransport, readKubeconfig } from '#client/kubeconfig.ts';
import { openPki } from '#pki/pki.ts';
import { systemRandomness } from '#base/random.ts';
import { cpuSeconds, loop, printRows, type Row } from './measure.ts';

const PODS = 5_000;
const GETS = 20_000;
const LISTS = 10;
const WATCHERS = 200;
const WATCHED_WRITES = 400;
const CONCURRENCY = 32;
const START_TIMEOUT_MS = 30_000;

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly transport: Transport & Disposable;
}

/** Requests for each CPU-second of the server, beside a bare server that sends the same bytes. */
export async function benchApi(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dhow-bench-'));
  const ours = await startServer(folder);
  try {
    const measured = await measure(ours.target);
    const bare = await startBare(folder, measured.bytes);
    try {
      const floor = await measure(bare.target);
      const rows = measured.rows.map((row, index): Row => {
        const value = floor.rows[index]?.ours ?? Number.NaN;
        return { ...row, against: { name: 'bare http2', value } };
      });
      printRows(`API: per server CPU-second (${PODS} pods, concurrency ${CONCURRENCY})`, rows);
    } finally {
      bare.stop();
    }
  } finally {
    await ours.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startServer(folder: string) {
  const kubeconfig = join(folder, 'kubeconfig');
  const port = 16_443 + (process.pid % 10_000);
  const args = [
    'server',
    '--data-dir',
    join(folder, 'data'),
    '--api-port',
    String(port),
    '--kubeconfig',
    kubeconfig,
    '--controllers=-*',
    '--disable-scheduler',
  ];
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/dhow.mjs'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const end = systemClock.now() + START_TIMEOUT_MS;
  for (;;) {
    const config = await readKubeconfig(kubeconfig).catch(() => undefined);
    if (config) {
      const transport = await kubeconfigTransport(config, kubeconfig);
      if ((await status(transport, '/readyz')) === 200) {
        const target = { name: 'dhow', pid: child.pid ?? 0, transport };
        return {
          target,
          async stop() {
            transport[Symbol.dispose]();
            child.kill();
            await once(child, 'exit');
          },
        };
      }
      transport[Symbol.dispose]();
    }
    if (systemClock.now() > end) throw new Error('the server did not start');
    await systemClock.sleep(50);
  }
}

async function status(transport: Transport, path: string): Promise<number> {
  return transport.request({ method: 'GET', path, headers: {} }).then(
    async (response) => {
      for await (const _chunk of response.body);
      return response.status;
    },
    () => 0,
  );
}

interface AnswerBytes {
  readonly object: Buffer;
  readonly list: Buffer;
  readonly event: Buffer;
}

async function startBare(folder: string, bytes: AnswerBytes) {
  const pki = await openPki({ directory: join(folder, 'bare'), clock: systemClock, random: systemRandomness });
  const { certificate, key } = await pki.cluster.credential('bare', {
    commonName: 'bare',
    usages: ['server'],
    ipAddresses: ['127.0.0.1'],
    dnsNames: [],
  });
  const setting = join(folder, 'bare.json');
  const texts = { object: bytes.object.toString(), list: bytes.list.toString(), event: bytes.event.toString() };
  writeFileSync(setting, JSON.stringify({ certificate, key, ...texts }));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-http2.ts'), setting], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const transport = httpsTransport({
    server: `https://127.0.0.1:${line.toString().trim()}`,
    ca: pki.cluster.certificate,
  });
  const target = { name: 'bare', pid: child.pid ?? 0, transport };
  return {
    target,
    stop() {
      transport[Symbol.dispose]();
      child.kill();
    },
  };
}

function pod(name: string): object {
  const container = {
    name: 'web',
    image: 'nginx:1',
    ports: [{ name: 'http', containerPort: 80 }],
    env: Array.from({ length: 8 }, (_item, index) => ({
      name: `SETTING_${index}`,
      value: `value of setting ${index}`,
    })),
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web', tier: 'front' } },
    spec: { containers: [container] },
  };
}

const serviceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };

async function call(transport: Transport, method: 'GET' | 'POST', path: string, body?: object): Promise<Buffer> {
  const headers = { accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) };
  const response = await transport.request({
    method,
    path,
    headers,
    ...(body ? { body: Buffer.from(JSON.stringify(body)) } : {}),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  if (response.status >= 300)
    throw new Error(`${method} ${path}: ${response.status} ${Buffer.concat(chunks).toString().slice(0, 300)}`);
  return Buffer.concat(chunks);
}

async function measure({
  name,
  pid,
  transport,
}: Target): Promise<{ readonly rows: readonly Row[]; readonly bytes: AnswerBytes }> {
  const pods = '/api/v1/namespaces/default/pods';
  const rows: Row[] = [];
  await call(transport, 'POST', '/api/v1/namespaces/default/serviceaccounts', serviceAccount); // no controller runs
  const perCpuSecond = async (what: string, count: number, unit: string, work: () => Promise<unknown>) => {
    const before = cpuSeconds(pid);
    await work();
    rows.push({ what, ours: count / (cpuSeconds(pid) - before), unit });
  };
  await loop(
    200,
    CONCURRENCY,
    async (index) => void (await call(transport, 'POST', pods, pod(`warm-${name}-${index}`))),
  );
  await perCpuSecond('create a pod', PODS, 'creates', () =>
    loop(PODS, CONCURRENCY, async (index) => void (await call(transport, 'POST', pods, pod(`pod-${index}`)))),
  );
  const object = await call(transport, 'GET', `${pods}/pod-7`);
  await perCpuSecond('get a pod', GETS, 'gets', () =>
    loop(GETS, CONCURRENCY, async (index) => void (await call(transport, 'GET', `${pods}/pod-${index % PODS}`))),
  );
  const list = await call(transport, 'GET', pods);
  await perCpuSecond('list 5,000 pods', LISTS, 'lists', () =>
    loop(LISTS, 1, async () => void (await call(transport, 'GET', pods))),
  );
  const revision = /"resourceVersion":"(\d+)"/.exec(list.subarray(0, 500).toString())?.[1] ?? '';
  const event = await watchMany(transport, `${pods}?watch=1&resourceVersion=${revision}`, async (write) => {
    await perCpuSecond(`watch: ${WATCHERS} watchers`, WATCHERS * WATCHED_WRITES, 'events', write);
  });
  return { rows, bytes: { object, list, event } };
}

/** Starts the watchers, lets `during` write while they look on, and returns one event as it came. */
async function watchMany(
  transport: Transport,
  path: string,
  during: (write: () => Promise<void>) => Promise<void>,
): Promise<Buffer> {
  const stop = new AbortController();
  let received = 0;
  let sample = Buffer.alloc(0);
  const reading: Promise<void>[] = [];
  await loop(WATCHERS, CONCURRENCY, async () => {
    const headers = { accept: 'application/json' };
    const { body } = await transport.request({ method: 'GET', path, headers, signal: stop.signal });
    reading.push(read(body));
  });
  await during(async () => {
    await loop(
      WATCHED_WRITES,
      1,
      async (index) => void (await call(transport, 'POST', path.replace(/\?.*/, ''), pod(`watched-${index}`))),
    );
    while (received < WATCHERS * WATCHED_WRITES) await systemClock.sleep(5);
  });
  stop.abort();
  await Promise.allSettled(reading);
  return sample;

  async function read(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) received++;
        if (sample.length === 0) sample = Buffer.from(chunk.subarray(0, chunk.indexOf(10) + 1));
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  }
}
