import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the root of the project. */
  readonly path: string;
  readonly text: string;
}

const generated = ['src/machinery/types/', 'src/kubelet/runtime/cri/generated/'];

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

/** The TypeScript files below a folder of the project, without generated ones. */
export function sourceFiles(folder: string): readonly SourceFile[] {
  return walk(join(root, folder))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
    .filter(({ path }) => !generated.some((prefix) => path.startsWith(prefix)));
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

/** Module specifiers that a file imports, static and dynamic, types included. */
export function importsOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}
