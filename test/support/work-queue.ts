import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How many files with a browser are one piece of work, so that few processes start a browser. */
const BROWSER_FILES = 6;
/** Waits of one folder are overlapped by the work of the other. */
const MIXED = ['test/engines/', 'test/flows/'];
/** They hash passwords at their real cost, and the helpers of other tests make hashes cheap in the whole process. */
const ALONE = ['test/identity/password-hashing.test.ts', 'test/identity/password-rules.test.ts'];

/**
 * Divides the test files among a few processes. Each takes the next piece of work when it has done one, because half of a
 * file's CPU time goes into loading the program and into running it before V8 has compiled it, and because no process then
 * works alone at the end. A browser and processes of servers and commands are kept for the next file, too.
 *
 * @param files paths such as `test/flows/login.test.ts`
 * @param compiled the path of a file's compiled test
 * @returns the paths of the modules to run at once
 */
export function writeQueue(
  files: string[],
  folder: string,
  workers: number,
  compiled: (file: string) => string,
): string[] {
  const work = arrange(files.filter((file) => !ALONE.includes(file)));
  const queue = join(folder, 'queue.json');
  writeFileSync(queue, JSON.stringify(work.map((piece) => piece.map(compiled))));
  const worker = pathToFileURL(compiled('test/support/worker-process.ts'));
  const modules = Array.from({ length: workers }, (_, index) => {
    const path = join(folder, `worker-${index}.mjs`);
    writeFileSync(path, `import { work } from '${worker}';\nawait work('${queue}');\n`);
    return path;
  });
  return [...ALONE.filter((file) => files.includes(file)).map(compiled), ...modules];
}

/** @returns the longest work first, then two folders evenly mixed, then many short files, so that all processes end together */
function arrange(files: string[]): string[][] {
  const inFolder = (folder: string) => files.filter((file) => file.startsWith(folder));
  const browser = inFolder('test/browser/');
  const mixed = MIXED.map(inFolder)
    .flatMap((some) => some.map((file, index) => ({ file, place: index / some.length })))
    .sort((a, b) => a.place - b.place)
    .map(({ file }) => file);
  const others = files.filter((file) => !browser.includes(file) && !mixed.includes(file));
  const pieces: string[][] = [];
  while (browser.length > 0) pieces.push(browser.splice(0, BROWSER_FILES));
  return [...pieces, ...[...mixed, ...others].map((file) => [file])];
}

/** @returns the next piece of work that no other process has taken, or undefined when all is taken */
export function takeWork(queue: string): string[] | undefined {
  const work: string[][] = JSON.parse(readFileSync(queue, 'utf8'));
  return work.find((_, index) => {
    try {
      writeFileSync(`${queue}.${index}`, '', { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  });
}
