import { execFileSync } from 'node:child_process';
import type { TestDatabase } from './databases.ts';

/**
 * What an administrator types, in the client that comes with the engine.
 * @param zone of whoever types it
 * @returns what the client prints: a line a row, without the names of the columns
 */
export function commandLine(
  { engine, url }: Pick<TestDatabase, 'engine' | 'url'>,
  sql: string,
  zone: string,
): string {
  const env = { ...process.env, TZ: zone, PGTZ: zone };
  if (engine === 'sqlite')
    return execFileSync('sqlite3', ['-bail', url.slice('sqlite:'.length), sql], { env, encoding: 'utf8' });
  if (engine === 'postgres')
    return execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', url, '-c', sql], {
      env,
      encoding: 'utf8',
    });
  const { hostname, port, username, password, pathname } = new URL(url);
  const where = [`-h${hostname}`, `-P${port || 3306}`, `-u${username}`];
  if (password) where.push(`-p${password}`);
  return execFileSync('mariadb', [...where, '-N', pathname.slice(1), '-e', sql], { env, encoding: 'utf8' });
}
