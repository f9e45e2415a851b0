import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

function findProjectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(resolve(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

const root = findProjectRoot();

/**
 * The path of a file that the compiler does not copy into `dist/`: views, assets, documents.
 * @param path relative to the folder of package.json. Works from `src/` and from `dist/`
 */
export const projectPath = (path: string): string => resolve(root, path);
