import { chmodSync, readdirSync, statSync } from 'node:fs';

/** What other users of the machine may do with a file. */
const OTHERS = 0o077;
/** Anyone may write into the folder, as into /tmp. */
const STICKY = 0o1000;

const octal = (mode: number) => `0${(mode & 0o777).toString(8)}`;

/**
 * Takes the rights of other users away from a file or folder, if it exists and they have any.
 * @returns a sentence for the log if they had some
 */
export function restrictMode(path: string, mode: 0o600 | 0o700): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || (found.mode & OTHERS) === 0 || process.platform === 'win32') return undefined;
  const fault = `Other users of this machine could open ${path} (mode ${octal(found.mode)}).`;
  try {
    chmodSync(path, mode);
    return `${fault} Its mode is ${octal(mode)} now.`;
  } catch {
    return `${fault} Its mode could not be changed. Run: chmod ${octal(mode)} ${path}`;
  }
}

/**
 * Does the same with a folder that holds nothing but our files. A folder that others use too stays as it is.
 * @param isOurs whether a name in the folder is that of a file of ours
 */
export function restrictFolder(folder: string, isOurs: (name: string) => boolean): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory() || (found.mode & STICKY) !== 0) return undefined;
  try {
    if (!readdirSync(folder).every(isOurs)) return undefined;
  } catch {
    return undefined;
  }
  return restrictMode(folder, 0o700);
}
