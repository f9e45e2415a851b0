import { statSync } from 'node:fs';
import { LatchkeyError } from '../kit/errors.ts';
import { toUnavailable } from './driver/failures.ts';
import { describeDatabase, engineOf, sqliteFile } from './engine-of-url.ts';

const READ_ONLY = 'is read-only. Use the primary, or make it writable';
const FULL = 'is on a full disk. Make room';
const REFUSED = 'does not accept this user and password. Correct them in LATCHKEY_DATABASE_URL';
const CERTIFICATE =
  'has a certificate of an unknown authority. Set sslrootcert in LATCHKEY_DATABASE_URL to the certificate of the authority';
const DAMAGED =
  'is not a SQLite database, or it is damaged. Restore a backup, or correct LATCHKEY_DATABASE_URL';
const FORBIDDEN = 'cannot be opened by this user. Correct its permissions, or LATCHKEY_DATABASE_URL';

/** What a code says about the database, and the remedy. */
const FAULTS: Record<string, string> = {
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: 'is on a read-only file system. Make it writable, or correct LATCHKEY_DATABASE_URL',
  ENOSPC: FULL,
  EDQUOT: FULL,
  ENOTDIR: 'is below a file that is no folder. Correct LATCHKEY_DATABASE_URL',
  EEXIST: 'is below a file that is no folder. Correct LATCHKEY_DATABASE_URL',
  ELOOP: 'is below a loop of links. Correct LATCHKEY_DATABASE_URL',
  ENAMETOOLONG: 'has a name that is too long. Correct LATCHKEY_DATABASE_URL',
  EISDIR: 'is a folder. Set LATCHKEY_DATABASE_URL to a file in it',
  SQLITE_CANTOPEN: FORBIDDEN,
  SQLITE_READONLY: 'is not writable for this user. Correct the permissions of the file and its folder',
  SQLITE_FULL: FULL,
  SQLITE_NOTADB: DAMAGED,
  SQLITE_CORRUPT: DAMAGED,
  SQLITE_IOERR: 'is on a disk that reports errors. Look at the log of the machine',
  SQLITE_BUSY: 'is locked by another program. End it',
  '3D000': 'does not exist. Create it with CREATE DATABASE, or correct LATCHKEY_DATABASE_URL',
  ER_BAD_DB_ERROR: 'does not exist. Create it with CREATE DATABASE, or correct LATCHKEY_DATABASE_URL',
  '28P01': REFUSED,
  '28000': REFUSED,
  ER_ACCESS_DENIED_ERROR: REFUSED,
  ER_DBACCESS_DENIED_ERROR:
    'does not exist, or this user has no rights on it. Correct LATCHKEY_DATABASE_URL, or grant them',
  '42501': 'does not let this user create or change tables. Grant the rights',
  ER_TABLEACCESS_DENIED_ERROR: 'does not let this user create or change tables. Grant the rights',
  ENOTFOUND: 'is on an unknown host. Correct LATCHKEY_DATABASE_URL',
  EAI_AGAIN:
    'is on a host whose name cannot be looked up now. Check the network, or correct LATCHKEY_DATABASE_URL',
  ECONNREFUSED:
    'does not answer: nothing listens there. Start the database, or correct LATCHKEY_DATABASE_URL',
  EHOSTUNREACH: 'cannot be reached over the network. Check the network, or correct LATCHKEY_DATABASE_URL',
  ENETUNREACH: 'cannot be reached over the network. Check the network, or correct LATCHKEY_DATABASE_URL',
  ETIMEDOUT: 'does not answer in time. Start the database, or correct LATCHKEY_DATABASE_URL',
  ECONNRESET: 'ends the connection. Check that LATCHKEY_DATABASE_URL names the right kind of server',
  '53300': 'has no connection left. Raise its limit, or lower LATCHKEY_DATABASE_POOL',
  ER_CON_COUNT_ERROR: 'has no connection left. Raise its limit, or lower LATCHKEY_DATABASE_POOL',
  ER_TOO_MANY_USER_CONNECTIONS: 'has no connection left. Raise its limit, or lower LATCHKEY_DATABASE_POOL',
  ER_USER_LIMIT_REACHED: 'has no connection left. Raise its limit, or lower LATCHKEY_DATABASE_POOL',
  '53100': FULL,
  ER_DISK_FULL: FULL,
  '25006': READ_ONLY,
  ER_OPTION_PREVENTS_STATEMENT: READ_ONLY,
  ER_READ_ONLY_MODE: READ_ONLY,
  ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: READ_ONLY,
  ER_MAX_PREPARED_STMT_COUNT_REACHED:
    'has prepared as many statements as it allows. Raise max_prepared_stmt_count',
  '3F000': 'has no schema for new tables. Correct search_path of this user or database',
  '57P03': 'is starting or stopping. Try again in a moment',
  HANDSHAKE_NO_SSL_SUPPORT: 'has no TLS. Turn TLS on there, or remove sslmode from LATCHKEY_DATABASE_URL',
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  HANDSHAKE_SSL_ERROR: CERTIFICATE,
  CERT_HAS_EXPIRED: 'has a certificate that has expired. Renew it',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has the certificate of another host. Use the name in the certificate, or sslmode=verify-ca',
};

function faultOf(error: Error): string | undefined {
  const { code = '' } = error as { code?: unknown };
  if (/does not support SSL connections/.test(error.message)) return FAULTS.HANDSHAKE_NO_SSL_SUPPORT;
  return FAULTS[String(code)] ?? FAULTS[/^SQLITE_[A-Z]+/.exec(String(code))?.[0] ?? ''];
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // It is in a folder that this user may not read.
    return false;
  }
}

/**
 * Says in one sentence why the database cannot be used, and what to do.
 * @returns undefined for an error that says nothing about the database
 */
function describeConnectFault(error: unknown, url: string): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const fault = faultOf(one);
    if (fault === undefined) continue;
    const isFolderItself = engineOf(url) === 'sqlite' && isFolder(sqliteFile(url));
    return `The database ${describeDatabase(url)} ${isFolderItself ? FAULTS.EISDIR : fault}.`;
  }
  return undefined;
}

/**
 * Explains an error that ends a command or the start of the server.
 * @param thrown any error, including that of `openDatabase` when it cannot create a file
 * @returns LatchkeyError with the cause and the remedy in one sentence, or, if the error is not about the database, the error unchanged
 */
export function explainFault(thrown: unknown, url: string): unknown {
  const error = toUnavailable(thrown);
  if (error instanceof LatchkeyError && error.code !== 'database_unavailable') return error;
  const message = describeConnectFault(error, url);
  if (message === undefined) return error;
  return new LatchkeyError('unavailable', 'database_unavailable', message, { cause: error });
}
