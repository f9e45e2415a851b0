import { LatchkeyError, unavailable } from '../../kit/errors.ts';
import type { Engine } from '../statement-builders.ts';

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
  // PostgreSQL, Appendix A: read-only, transaction open for too long, log-in, no such database, damaged. See CLASSES, too.
  postgres: {
    unavailable: words('25006 25P03 25P04 28000 28P01 3D000 XX001 XX002'),
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
       ER_READ_ONLY_MODE ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION ER_OPEN_AS_READONLY ER_QUERY_TIMEOUT ER_QUERY_INTERRUPTED ER_GET_ERRNO
       ER_ERROR_ON_READ ER_ERROR_ON_WRITE ER_OUT_OF_RESOURCES ER_CANT_CREATE_THREAD ER_LOCK_TABLE_FULL ER_MAX_PREPARED_STMT_COUNT_REACHED
       PROTOCOL_CONNECTION_LOST PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR
       ER_UNKNOWN_COM_ERROR ER_ERROR_DURING_COMMIT`,
    ),
    locked: ['ER_LOCK_WAIT_TIMEOUT'],
    // The last two: a table was altered since the transaction began, or the statement was prepared.
    retry: words('ER_LOCK_DEADLOCK ER_TABLE_DEF_CHANGED ER_NEED_REPREPARE'),
    duplicate: ['ER_DUP_ENTRY'],
    outdated: words('ER_NO_SUCH_TABLE ER_BAD_FIELD_ERROR'),
  },
};

/**
 * Classes of SQLSTATE that say nothing about the statement: connection, resources, operator intervention, system error;
 * on MariaDB (MySQL), interrupted and out of memory. mysql2 has no name for some codes of MariaDB.
 */
const CLASSES = /^(08|53|57|58|70100|HY001)/;

/** The severities of errors after which PostgreSQL ends the connection. */
const ENDS_CONNECTION = words('FATAL PANIC');

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

const whileConnecting = new WeakSet<object>();

/** Remembers that an error kept a connection from being made. Each of these is an outage, also an expired certificate. @returns the error */
export function markAsConnecting<T>(error: T): T {
  if (error instanceof Error) whileConnecting.add(error);
  return markAsDatabase(error);
}

/** What pg and Knex's pool throw without a code; Knex puts the statement before the message. */
const LOST = /(Connection terminated( unexpectedly)?|timeout expired|is not queryable)$/;

/** SQLite has one code for everything that is wrong with a statement. */
const MISSING = /\bno such (table|column): |\bhas no column named /;

/** What the client libraries add to an error of a server. */
interface ServerError extends Error {
  code?: unknown;
  /** Set by mysql2. */
  sqlState?: string;
  fatal?: boolean;
  /** Set by pg. */
  severity?: string;
  /** The function in PostgreSQL that raised the error. */
  routine?: string;
}

/** A prepared statement would return other types than before, because a column was altered. */
const CHANGED_RESULT = 'RevalidateCachedQuery';

/** @returns undefined for an error that did not come from the database */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', sqlState = '', severity = '', routine, fatal } = error as ServerError;
  if (typeof code !== 'string') return undefined;
  const known = failures.get(code) ?? failures.get(/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? '');
  if (known) return known;
  if (code === 'SQLITE_ERROR' && MISSING.test(error.message)) return 'outdated';
  if (routine === CHANGED_RESULT) return 'retry';
  if (CLASSES.test(code) || CLASSES.test(sqlState)) return 'unavailable';
  if (ENDS_CONNECTION.includes(severity)) return 'unavailable';
  if (network.has(code)) return fromDatabase.has(error) ? 'unavailable' : undefined;
  // mysql2 says `fatal` of what ends a connection.
  const isLost =
    fatal === true || error.name === 'KnexTimeoutError' || (code === '' && LOST.test(error.message));
  return isLost || whileConnecting.has(error) ? 'unavailable' : undefined;
}

const outdated = (cause: unknown) =>
  new LatchkeyError('unavailable', 'schema_outdated', 'The schema of the database is not current.', {
    cause,
  });

/** PostgreSQL stores no NUL. Whatever carried it here, such as a member of a JWT, is wrong input. */
const NOT_STORABLE = '22021';

const unstorable = (cause: unknown) =>
  new LatchkeyError(
    'invalid_input',
    'text_not_storable',
    'The request has a character that cannot be stored.',
    { cause },
  );

/**
 * @returns LatchkeyError `unavailable` where the same request may succeed later, `invalid_input` for a text that cannot be
 *   stored, else the error as it is
 */
export function toUnavailable(error: unknown): unknown {
  if (error instanceof Error && (error as ServerError).code === NOT_STORABLE) return unstorable(error);
  const failure = failureOf(error);
  if (failure === undefined || failure === 'duplicate') return error;
  return failure === 'outdated' ? outdated(error) : unavailable(error);
}

/** PgBouncer reports the loss of its own connection to the server with a code of this class. */
const LOST_BEHIND_POOLER = /^08/;

/**
 * Whether the server itself said that it did not do something: PostgreSQL with a severity, MySQL with a SQLSTATE. After
 * any other error the outcome is unknown.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as ServerError;
  return 'sqlState' in error || (severity !== undefined && !LOST_BEHIND_POOLER.test(String(code)));
}

/** Whether a connection to a server was lost before an answer came. SQLite is no server. */
export function isUnanswered(error: unknown): boolean {
  if (failureOf(error) !== 'unavailable' || isRefusal(error)) return false;
  return !String(Object(error).code).startsWith('SQLITE_');
}

const READ_ONLY = words(
  '25006 ER_OPTION_PREVENTS_STATEMENT ER_READ_ONLY_MODE ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
);

/**
 * Whether the server takes no writes. After a switchover that is the former primary, and its address may lead to another
 * server by now, so its connections are not used again.
 */
export const isReadOnly = (error: unknown): boolean =>
  READ_ONLY.includes(String((error as ServerError | undefined)?.code));

/** Whether the connection to PostgreSQL, and the statements that were prepared on it, are used after that error. */
export function keepsConnection(error: unknown): boolean {
  const { severity = '', routine } = error as ServerError;
  return !ENDS_CONNECTION.includes(severity) && routine !== CHANGED_RESULT && !isReadOnly(error);
}
