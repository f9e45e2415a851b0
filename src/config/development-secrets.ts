import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { restrictMode } from '../kit/file-modes.ts';
import { checkSecrets } from './checks.ts';

/**
 * For development, where LATCHKEY_SECRETS may be unset: generates a secret once and keeps it in a file.
 * @param faults gets a sentence for a file that cannot be used
 * @param notices gets a sentence if other users could read the file
 */
export function readOrCreateSecrets(file: string, faults: string[], notices: string[]): string[] {
  try {
    if (!existsSync(file)) create(file);
    const notice = restrictMode(file, 0o600);
    if (notice) notices.push(notice);
    const secrets = readFileSync(file, 'utf8')
      .split(',')
      .map((secret) => secret.trim());
    if (checkSecrets(secrets).length > 0)
      faults.push(
        `${file} is empty, cut short or not random, so it cannot encrypt anything. Restore it from a backup. If this server has no data yet, delete it, and the next start makes a new one.`,
      );
    return secrets;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    faults.push(
      `${file} cannot be read or written (${code}). Correct its permissions, or set LATCHKEY_SECRETS.`,
    );
    return [];
  }
}

/**
 * The file is written under another name and then linked, so that it is complete or absent, after a crash and for a
 * server that starts at the same moment. `link` fails for the later one of two servers, and both read the secret of the first.
 */
function create(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${randomBytes(48).toString('base64')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
