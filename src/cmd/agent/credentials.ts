import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import type { Credential } from '#pki/certificate.ts';

/** What the server writes for the agent of its own machine. */
export interface AgentCredentials {
  readonly server: string;
  /** PEM of the authority that signs servers and clients of the cluster. */
  readonly ca: string;
  /** `system:node:NAME`. */
  readonly kubelet: Credential;
  /** `system:kube-proxy`: service proxy and DNS. */
  readonly network: Credential;
  /** What the kubelet's own server shows. */
  readonly serving: Credential;
}

const POLL_MS = 10;

/** Waits for the file that the server writes when it starts. */
export async function readCredentials(file: string, clock: Clock, signal: AbortSignal): Promise<AgentCredentials> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text !== undefined) return JSON.parse(text) as AgentCredentials;
    await clock.sleep(POLL_MS, signal);
  }
}
