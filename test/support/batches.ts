import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How many files of a folder share a process. A browser and what a server loads are then started once for all of them. */
const SIZES: Record<string, number> = { 'test/engines': 4, 'test/browser': 4, 'test/applications': 2 };
const SIZE = 8;

/** They hash passwords at their real cost, and the helpers of other tests make hashes cheap in the whole process. */
const ALONE = ['test/identity/password-hashing.test.ts', 'test/identity/password-rules.test.ts'];

/**
 * Writes modules that import several test files each, because half of a file's CPU time goes into loading the program.
 * The tests of a batch run one after another, so a file must leave the process as it found it.
 *
 * @param files paths such as `test/flows/login.test.ts`
 * @param compiled the path of a file's compiled test
 * @returns the paths of the modules to run, in the order of their first files
 */
export function writeBatches(files: string[], folder: string, compiled: (file: string) => string): string[] {
  const batches: string[][] = [];
  const open = new Map<string, string[]>();
  for (const file of files) {
    const kind = ALONE.includes(file) ? file : file.split('/').slice(0, 2).join('/');
    let batch = open.get(kind);
    if (!batch || batch.length >= (SIZES[kind] ?? SIZE)) {
      batch = [];
      batches.push(batch);
      open.set(kind, batch);
    }
    batch.push(file);
  }
  return batches.map((batch, index) => {
    const path = join(folder, `batch-${index}.mjs`);
    writeFileSync(path, batch.map((file) => `import '${pathToFileURL(compiled(file))}';\n`).join(''));
    return path;
  });
}
