import { LOCK_WAIT_MS } from './contract.ts';

/**
 * How every connection is set up: UTC, strict, and READ COMMITTED as on PostgreSQL. Under MySQL's default a statement
 * also locks the gaps beside its rows, and transactions that look for a free name or revoke tokens wait for each other.
 */
export const MYSQL_SESSION: [settings: string, isolation: string] = [
  `SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = ${LOCK_WAIT_MS / 1000}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];
