import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How many files of a folder share a process, so that a long batch of one folder leaves work for the other processes. */
const SIZES: Record<string, number> = {
  'test/engines': 8,
  'test/browser': 6,
  'test/applications': 4,
  'test/flows': 32,
};
/** The files of all other folders. */
const SIZE = 32;

/** They hash passwords at their real cost, and the helpers of other tests make hashes cheap in the whole process. */
const ALONE = ['test/identity/password-hashing.test.ts', 'test/identity/password-rules.test.ts'];

/**
 * Writes modules that import several test files each, because half of a file's CPU time goes into loading the program and
 * into running it before V8 has compiled it. A browser and a process for commands are also started once for a batch.
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
    const folder = file.split('/').slice(0, 2).join('/');
    const kind = ALONE.includes(file) ? file : folder in SIZES ? folder : 'others';
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
