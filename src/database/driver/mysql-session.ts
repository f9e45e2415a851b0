import { LOCK_WAIT_MS } from './contract.ts';

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
 * How every connection is set up: UTC, strict, and READ COMMITTED as on PostgreSQL. Under MySQL's default a statement
 * also locks the gaps beside its rows, and transactions that look for a free name or revoke tokens wait for each other.
 */
export const MYSQL_SESSION = [
  `SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = ${LOCK_WAIT_MS / 1000}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  CLUSTER,
  'PREPARE latchkey FROM @latchkey',
  'EXECUTE latchkey',
];
