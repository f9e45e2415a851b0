import { LatchkeyError, unavailable } from '../../kit/errors.ts';
import type { Engine } from '../statements.ts';

/**
 * What an error means for the request. `unavailable`: the database cannot be reached, or cannot write. `locked`: another
 * transaction kept a lock for too long. `retry`: the engine gave this transaction up so that another could go on. After
 * `locked` and `retry` nothing was done. `outdated`: a table or column is missing, because a migration was undone or is
 * not applied yet. Any other error is a mistake in this program: 500, with its stack in the log.
 */
export type Failure = 'unavailable' | 'locked' | 'retry' | 'duplicate' | 'outdated';

const words = (text: string) => text.trim().split(/\s+/);

/** Codes of Node's sockets, which the client libraries of both servers pass on. Any other socket has them too. */
const NETWORK = words('ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH');

const CODES: Record<Engine, Record<Failure, string[]>> = {
  // https://www.sqlite.org/rescode.html; SQLITE_IOERR stands for SQLITE_IOERR_FSYNC and its other extended codes too.
  sqlite: {
    unavailable: words(
      'SQLITE_LOCKED SQLITE_CORRUPT SQLITE_NOTADB SQLITE_FULL SQLITE_READONLY SQLITE_IOERR SQLITE_CANTOPEN SQLITE_BUSY_SNAPSHOT',
    ),
    locked: words('SQLITE_BUSY SQLITE_BUSY_RECOVERY'),
    retry: [],
    duplicate: words('SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_PRIMARYKEY'),
    // By its message alone: see MISSING.
    outdated: [],
  },
  // PostgreSQL, Appendix A: connections, read-only, log-in, no such database, full, too many connections, shut down.
  postgres: {
    unavailable: words('08000 08001 08003 08004 08006 25006 28000 28P01 3D000 53100 53300 57P01 57P02 57P03'),
    locked: ['55P03'],
    // 26000: the statement is not prepared, because the transaction that was to prepare it failed.
    retry: words('40001 40P01 26000'),
    duplicate: ['23505'],
    outdated: words('42P01 42703'),
  },
  // ER_UNKNOWN_COM_ERROR and ER_ERROR_DURING_COMMIT: this member of a Galera cluster has lost the others.
  mysql: {
    unavailable: words(
      `ER_CON_COUNT_ERROR ER_TOO_MANY_USER_CONNECTIONS ER_USER_LIMIT_REACHED ER_SERVER_SHUTDOWN ER_DISK_FULL ER_RECORD_FILE_FULL ER_OPTION_PREVENTS_STATEMENT
       ER_READ_ONLY_MODE PROTOCOL_CONNECTION_LOST PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR
       ER_UNKNOWN_COM_ERROR ER_ERROR_DURING_COMMIT`,
    ),
    locked: ['ER_LOCK_WAIT_TIMEOUT'],
    retry: ['ER_LOCK_DEADLOCK'],
    duplicate: ['ER_DUP_ENTRY'],
    outdated: words('ER_NO_SUCH_TABLE ER_BAD_FIELD_ERROR'),
  },
};

const byFailure = Object.values(CODES).flatMap((engine) => Object.entries(engine) as [Failure, string[]][]);
const failures = new Map(byFailure.flatMap(([failure, codes]) => codes.map((code) => [code, failure])));

const network = new Set(NETWORK);
const fromDatabase = new WeakSet<object>();

/**
 * Remembers that an error came from the client library of the database. Call it where that library is called: the code
 * alone does not tell, because a visitor's aborted upload is an ECONNRESET too. @returns the error
 */
export function markAsDatabase<T>(error: T): T {
  if (error instanceof Error) fromDatabase.add(error);
  return error;
}

/** What pg and Knex's pool throw without a code; Knex puts the statement before the message. */
const LOST = /(Connection terminated( unexpectedly)?|timeout expired|is not queryable)$/;

/** SQLite has one code for everything that is wrong with a statement. */
const MISSING = /\bno such (table|column): |\bhas no column named /;

/** @returns undefined for an error that did not come from the database */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', fatal } = error as Error & { code?: unknown; fatal?: boolean };
  if (typeof code !== 'string') return undefined;
  const known = failures.get(code) ?? failures.get(/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? '');
  if (known) return known;
  if (code === 'SQLITE_ERROR' && MISSING.test(error.message)) return 'outdated';
  if (network.has(code)) return fromDatabase.has(error) ? 'unavailable' : undefined;
  // mysql2 says `fatal` of what ends a connection.
  const isLost =
    fatal === true || error.name === 'KnexTimeoutError' || (code === '' && LOST.test(error.message));
  return isLost ? 'unavailable' : undefined;
}

const outdated = (cause: unknown) =>
  new LatchkeyError('unavailable', 'schema_outdated', 'The schema of the database is not current.', {
    cause,
  });

/** @returns LatchkeyError `unavailable` where the same request may succeed later, else the error as it is */
export function toUnavailable(error: unknown): unknown {
  const failure = failureOf(error);
  if (failure === undefined || failure === 'duplicate') return error;
  return failure === 'outdated' ? outdated(error) : unavailable(error);
}

/**
 * Whether a connection was lost before an answer came. A server that refuses something says so: PostgreSQL with a
 * severity, MySQL with a SQLSTATE. SQLite is no server.
 */
export function isUnanswered(error: unknown): boolean {
  if (failureOf(error) !== 'unavailable' || !(error instanceof Error)) return false;
  return (
    !('severity' in error) && !('sqlState' in error) && !String(Object(error).code).startsWith('SQLITE_')
  );
}
