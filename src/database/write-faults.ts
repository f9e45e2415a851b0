import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Knex } from 'knex';
import { MOVED, watchIdentity } from './driver/sqlite-identity.ts';

/** Why nothing can be written, by the code of the error. */
const REASONS: Record<string, string> = {
  [MOVED]: 'its file was deleted, replaced or hidden',
  SQLITE_FULL: 'its disk is full',
  SQLITE_READONLY: 'it is read-only',
  SQLITE_IOERR: 'its disk reports errors',
  '53100': 'its disk is full',
  SQLITE_CORRUPT: 'it is damaged. Stop the servers and restore a backup',
  SQLITE_NOTADB: 'it is damaged. Stop the servers and restore a backup',
  '25006': 'it is read-only',
  '58030': 'its disk reports errors',
  XX001: 'it is damaged. Stop the servers and restore a backup',
  XX002: 'an index of it is damaged. Restore it with REINDEX',
  ER_DISK_FULL: 'its disk is full',
  ER_RECORD_FILE_FULL: 'its disk is full',
  ER_OPTION_PREVENTS_STATEMENT: 'it is read-only',
  ER_READ_ONLY_MODE: 'it is read-only',
  ER_OPEN_AS_READONLY: 'it is read-only',
  ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: 'it is read-only',
};

/** @returns the reason if the error, or what caused it, says that nothing can be written */
function reasonOf(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { code = '' } = one as { code?: unknown };
    const reason = REASONS[String(code)] ?? REASONS[/^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? ''];
    if (reason) return reason;
  }
  return undefined;
}

/** A server that takes part in no requests gets no commit that would succeed, so it is tried again after this time. */
const REMEMBERED_MS = 10_000;

/** Remembers whether the last commits could write, so that a health check need not write itself. */
export class CommitOutcomes {
  #reason: string | undefined;
  #failedAt = 0;

  /** @throws the same error */
  readonly recordFailure = (error: unknown): never => {
    const reason = reasonOf(error);
    if (reason) [this.#reason, this.#failedAt] = [reason, performance.now()];
    throw error;
  };

  readonly recordSuccess = <T>(result: T): T => {
    this.#reason = undefined;
    return result;
  };

  get reason(): string | undefined {
    return performance.now() - this.#failedAt < REMEMBERED_MS ? this.#reason : undefined;
  }
}

export type FindWriteFault = () => Promise<string | undefined>;

/** Finds faults of the file that is open. Another file of the same name may take its place, and is not written to. */
export function watchSqliteFile(file: string): FindWriteFault {
  const folder = dirname(file);
  const findMoved = watchIdentity(file);
  return async () => {
    const moved = findMoved();
    if (moved) return moved;
    // Without the path: anybody can ask /readyz.
    for (const [path, name] of [
      [file, 'its file'],
      [folder, 'the folder of its file'],
    ] as const) {
      try {
        accessSync(path, constants.W_OK);
      } catch {
        return `${name} is read-only for this user`;
      }
    }
    return statfsSync(folder).bavail === 0 ? 'its disk is full' : undefined;
  };
}

const READ_ONLY_POSTGRES = `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only`;
const READ_ONLY_MYSQL = `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only')`;

/** Asks a database server whether it takes writes. */
export function watchServer(engine: 'postgres' | 'mysql', knex: Knex): FindWriteFault {
  return async () => {
    if (engine === 'postgres') {
      const [row] = (await knex.raw(READ_ONLY_POSTGRES)).rows;
      if (row.standby) return 'it is a standby, which is read-only. Set LATCHKEY_DATABASE_URL to the primary';
      return row.read_only === 'on' ? 'it is read-only (default_transaction_read_only)' : undefined;
    }
    const [rows] = await knex.raw(READ_ONLY_MYSQL);
    const set = (rows as { Variable_name: string; Value: string }[]).filter(
      // MariaDB 12 names four states, the first of them OFF.
      ({ Value }) => Value !== 'OFF' && Value !== '0',
    );
    return set.length > 0 ? `it is read-only (${set.map((row) => row.Variable_name).join(', ')})` : undefined;
  };
}
