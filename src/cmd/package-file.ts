import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A file of the package, found from the bundle in dist/ and from the sources alike. */
export function packageFile(name: string): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = parent;
  }
  return join(folder, name);
}
