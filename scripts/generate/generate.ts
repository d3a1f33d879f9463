/** `npm run generate`: everything that is made from data/api-facts and committed for readers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateTypes } from './types.ts';

const root = join(import.meta.dirname, '../..');
const typesFolder = join(root, 'src/machinery/types');
mkdirSync(typesFolder, { recursive: true });
for (const [file, text] of generateTypes(join(root, 'data/api-facts/v1.36.json'))) {
  writeFileSync(join(typesFolder, file), text);
}
