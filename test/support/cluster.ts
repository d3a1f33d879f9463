import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import { ensureImages } from '../images/build.ts';
import type { ImageName } from '../images/images.ts';
import { realTool, runTool, type ToolOptions, type ToolResult } from './kubectl.ts';

const root = join(import.meta.dirname, '../..');
const node26 = process.execPath;
const UP_TIMEOUT_MS = 90_000;

/** Runs the built program. */
export function dhow(args: readonly string[], options: ToolOptions = {}): ToolResult {
  return runTool(node26, [join(root, 'bin/dhow.mjs'), ...args], { timeoutMs: UP_TIMEOUT_MS, ...options });
}

/** A cluster of its own, under a name, ports and ranges that no user's cluster has. Deleted when disposed of. */
export class TestCluster implements AsyncDisposable {
  readonly name: string;
  readonly folder: string;
  readonly kubeconfig: string;

  constructor(name = `test-${process.pid}`) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), 'dhow-'));
    this.kubeconfig = join(this.folder, 'kubeconfig');
  }

  /** Starts a cluster with images loaded. */
  static async start(imageNames: readonly ImageName[] = []): Promise<TestCluster> {
    const cluster = new TestCluster();
    try {
      cluster.up();
      for (const file of await ensureImages(imageNames))
        mustSucceed(cluster.dhow('image', 'load', file), `load ${file}`);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  up(): ToolResult {
    const args = [
      'up',
      '--name',
      this.name,
      '--data-dir',
      this.dataDir,
      '--kubeconfig',
      this.kubeconfig,
      '--resolv-conf=',
    ];
    return mustSucceed(dhow(args), 'dhow up', () => this.logs());
  }

  /** A command about this cluster. */
  dhow(command: string, ...args: readonly string[]): ToolResult {
    return dhow([command, ...args, '--name', this.name]);
  }

  /** Runs kubectl and returns what it printed; throws with its error where it fails. */
  kubectl(args: readonly string[], options: ToolOptions = {}): string {
    return mustSucceed(this.tryKubectl(args, options), `kubectl ${args.join(' ')}`).stdout;
  }

  tryKubectl(args: readonly string[], options: ToolOptions = {}): ToolResult {
    return runTool(realTool('kubectl'), args, {
      ...options,
      env: { KUBECONFIG: this.kubeconfig, HOME: this.folder, ...options.env },
    });
  }

  helm(args: readonly string[], options: ToolOptions = {}): string {
    const env = { KUBECONFIG: this.kubeconfig, HOME: this.folder, ...options.env };
    return mustSucceed(runTool(realTool('helm'), args, { ...options, env }), `helm ${args.join(' ')}`).stdout;
  }

  /** Starts kubectl and leaves it running; end it by the returned process. */
  startKubectl(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
    return spawn(realTool('kubectl'), args, {
      env: { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.folder, ...more },
    });
  }

  json<T>(args: readonly string[]): T {
    return JSON.parse(this.kubectl([...args, '-o', 'json'])) as T;
  }

  /** The pid that a part of the cluster runs under. */
  pid(part: 'supervisor' | 'server' | 'agent'): number {
    return (JSON.parse(readFileSync(join('/run/dhow', this.name, `${part}.pid`), 'utf8')) as { readonly pid: number })
      .pid;
  }

  /** The ends of the logs, for messages of failed tests. */
  logs(): string {
    return ['supervisor', 'server', 'agent']
      .map((part) => {
        try {
          return `--- ${part}\n${readFileSync(join(this.dataDir, 'logs', `${part}.log`), 'utf8').slice(-3_000)}`;
        } catch {
          return `--- ${part}: no log`;
        }
      })
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const result = this.dhow('delete', '--yes', '--kubeconfig', this.kubeconfig);
    rmSync(this.folder, { recursive: true, force: true });
    if (result.code !== 0 && !result.stderr.includes('there is no cluster'))
      throw new Error(`dhow delete: ${result.stderr}`);
  }
}

function mustSucceed(result: ToolResult, what: string, more = () => ''): ToolResult {
  if (result.code !== 0)
    throw new Error(`${what}: exit code ${result.code}\n${result.stdout}\n${result.stderr}\n${more()}`);
  return result;
}

/** Waits until `condition` gives a value that is neither false nor undefined, and returns it. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const end = systemClock.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value as NonNullable<T>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (systemClock.now() > end)
      throw new Error(
        `waited ${timeoutMs / 1000} s for ${what}: ${last instanceof Error ? last.message : String(last)}`,
      );
    await systemClock.sleep(100);
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** One HTTP request on a connection of its own, as a client that has just come would make it. */
export function http(
  url: string,
  options: { readonly method?: string; readonly body?: string; readonly timeoutMs?: number } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = options.body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const call = request(
      url,
      { method: options.method ?? 'GET', agent: false, headers, timeout: options.timeoutMs ?? 5_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer from ${url} in time`)));
    call.on('error', reject);
    call.end(options.body);
  });
}
