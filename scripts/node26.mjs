import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node 26 that the lockfile pins; the running one where that is missing and new enough. */
export function node26() {
  const pinned = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 26) return process.execPath;
  process.stderr.write('dhow: Node 26 is not installed: run npm run setup\n');
  process.exit(1);
}
