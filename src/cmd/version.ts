import { readFileSync } from 'node:fs';
import { packageFile } from './package-file.ts';

/** The version of Kubernetes whose API the program speaks. */
export const KUBERNETES_VERSION = 'v1.36.2';

export function dhowVersion(): string {
  const manifest = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { readonly version: string };
  return manifest.version;
}

export async function printVersion(): Promise<void> {
  process.stdout.write(`dhow ${dhowVersion()} (Kubernetes ${KUBERNETES_VERSION}, Node ${process.versions.node})\n`);
}
