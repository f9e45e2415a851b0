import { execFileSync } from 'node:child_process';
import type { TestDatabase } from './databases.ts';
import type { EngineName } from './engines.ts';
import { findProgram } from './throwaway/program.ts';

const SHELLS: Record<EngineName, { program: string; debianPackage: string }> = {
  sqlite: { program: 'sqlite3', debianPackage: 'sqlite3' },
  postgres: { program: 'psql', debianPackage: 'postgresql-client' },
  mariadb: { program: 'mariadb', debianPackage: 'mariadb-client' },
  mysql: { program: 'mariadb', debianPackage: 'mariadb-client' },
};

/**
 * Why a test that needs the engine's own command line is skipped, or false if it is installed.
 * @throws Error with CI=true, where no program may be missing
 */
export function missingShell(engine: EngineName): string | false {
  const { program, debianPackage } = SHELLS[engine];
  if (findProgram(program)) return false;
  const reason = `${program} is not installed. On Debian: apt-get install ${debianPackage}`;
  if (process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/**
 * Runs a statement in the command line client of the engine, as an operator would.
 * @param zone the time zone of the operator's terminal
 * @returns what the client prints: a line for each row, without column names
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
