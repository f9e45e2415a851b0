import { existsSync, readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Part of `npm run build`: removes from `dist/` the output of sources that no longer exist, which the compiler leaves.
 * Otherwise a renamed migration or test would run under both names.
 */
const root = resolve(import.meta.dirname, '..');
const dist = resolve(root, 'dist');

if (existsSync(dist)) {
  for (const file of readdirSync(dist, { recursive: true })) {
    const source = /^(.*)\.js(?:\.map)?$/.exec(file)?.[1];
    if (source && !existsSync(resolve(root, `${source}.ts`))) rmSync(resolve(dist, file));
  }
}
