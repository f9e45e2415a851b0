import { readConnectionUrl } from '../../kit/connection-url-tls.ts';
import { LOCK_WAIT_MS } from '../time-limits.ts';

/** Reads, UPDATE and DELETE, INSERT: the bits of wsrep_sync_wait. */
const EVERY_STATEMENT = 7;

/**
 * On a member of a Galera cluster, each statement first waits for what other members committed before it. Otherwise a
 * code that was written through one member may not be found through another. MySQL skips the text between the comment
 * marks; a MariaDB without Galera has no such setting, so the statement is put together where it is known.
 */
const CLUSTER = `SET @latchkey = 'DO 0' /*M!100100 , @latchkey = (
  SELECT IF(COUNT(*) > 0, 'SET SESSION wsrep_sync_wait = ${EVERY_STATEMENT}', 'DO 0')
  FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = 'WSREP_ON' AND VARIABLE_VALUE = 'ON') */`;

/**
 * How every connection is set up, whatever defaults the owner of the server chose: UTC, strict, each statement committed
 * at once outside of a transaction, no limit on rows, and READ COMMITTED as on PostgreSQL. Under MySQL's default a statement
 * also locks the gaps beside its rows, and transactions that look for a free name or revoke tokens wait for each other.
 */
export const MYSQL_SESSION = [
  `SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = ${LOCK_WAIT_MS / 1000},
    autocommit = 1, completion_type = 'NO_CHAIN', sql_select_limit = 18446744073709551615, foreign_key_checks = 1`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  CLUSTER,
  'PREPARE latchkey FROM @latchkey',
  'EXECUTE latchkey',
];

/** The part of mysql2's options that Knex declares, too. */
interface MysqlTls {
  rejectUnauthorized?: boolean;
  verifyIdentity: boolean;
  ca?: string;
  cert?: string;
  key?: string;
}

interface MysqlConnection {
  uri: string;
  timezone: string;
  ssl?: MysqlTls;
}

/** How a database URL, of MariaDB or MySQL, is given to mysql2. It compares the host with the certificate by itself. */
export function mysqlConnection(databaseUrl: string): MysqlConnection {
  const { url, tls, verifiesHost } = readConnectionUrl(databaseUrl);
  const connection: MysqlConnection = { uri: url.replace(/^mariadb:/, 'mysql:'), timezone: 'Z' };
  if (!tls) return connection;
  const { rejectUnauthorized, ca, cert, key } = tls;
  connection.ssl = { rejectUnauthorized, verifyIdentity: verifiesHost };
  if (ca !== undefined) connection.ssl.ca = ca;
  if (cert !== undefined) connection.ssl.cert = cert;
  if (key !== undefined) connection.ssl.key = key;
  return connection;
}
