import { existsSync, readFileSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import { projectPath } from '../kit/project-root.ts';

/**
 * The folder in which relative paths of the configuration begin, whatever folder the command is run in: LATCHKEY_HOME;
 * without it the clone, or the project that the package is installed in. A package that is installed for the whole
 * machine belongs to no project, so it takes the folder in which it is run.
 * @param program the folder of the program's package.json
 */
export function findHome(env: NodeJS.ProcessEnv, program = projectPath('.')): string {
  if (env.LATCHKEY_HOME) return resolve(env.LATCHKEY_HOME);
  const [project = program] = program.split(`${sep}node_modules${sep}`);
  return existsSync(resolve(project, 'package.json')) ? project : process.cwd();
}

/**
 * Adds the variables of the file `.env` in that folder to the environment, where they are not set.
 * @param faults gets a sentence when the file cannot be read
 */
export function readDotEnv(home: string, env: NodeJS.ProcessEnv, faults: string[]): void {
  const file = resolve(home, '.env');
  try {
    const { LATCHKEY_HOME, ...values } = parseEnv(readFileSync(file, 'utf8'));
    for (const [name, value] of Object.entries(values)) env[name] ??= value;
    if (LATCHKEY_HOME !== undefined)
      faults.push(`LATCHKEY_HOME cannot be set in ${file}, because it names the folder of that file.`);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      faults.push(`${file} cannot be read (${code}). Correct its permissions, or remove it.`);
  }
}
