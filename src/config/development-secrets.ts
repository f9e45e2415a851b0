import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** For development, where LATCHKEY_SECRETS may be unset: generates a secret once and keeps it in a file. */
export function readOrCreateSecrets(file: string): string[] {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    // `wx`: if two servers start at once, one of them writes and both read the same secret.
    try {
      writeFileSync(file, `${randomBytes(48).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return readFileSync(file, 'utf8').trim().split(',');
}
