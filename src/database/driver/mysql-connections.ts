import mysql from 'mysql2';
import type { Bound } from '../writes.ts';
import { DEADLINE_MS, LOCK_WAIT_MS } from './contract.ts';
import { withDeadline } from './deadline.ts';

/**
 * How every connection is set up: UTC, strict, and READ COMMITTED as on PostgreSQL. Under MySQL's default a statement also
 * locks the gaps beside its rows, and transactions that look for a free name or revoke tokens wait for each other.
 */
export const MYSQL_SESSION: [settings: string, isolation: string] = [
  `SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = ${LOCK_WAIT_MS / 1000}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

export type Connection = mysql.PoolConnection & {
  /** What is prepared on it, by SQL. The client library's own cache hashes the text of each statement again. */
  statements?: Map<string, mysql.PrepareStatementInfo>;
  /** As `performance.now()` counts. */
  releasedAt?: number;
};

function prepare(connection: Connection, sql: string): Promise<mysql.PrepareStatementInfo> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, statement) => {
      if (error) return reject(error);
      connection.statements ??= new Map();
      connection.statements.set(sql, statement);
      resolve(statement);
    });
  });
}

/** @returns rows, or the number of rows that a write touched */
export async function execute(
  connection: Connection,
  sql: string,
  values: Bound[],
): Promise<mysql.ResultSetHeader | mysql.RowDataPacket[]> {
  const statement = connection.statements?.get(sql) ?? (await prepare(connection, sql));
  return new Promise((resolve, reject) => {
    statement.execute(values, (error, result) => (error ? reject(error) : resolve(result as never)));
  });
}

export function query(connection: Connection, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) =>
    connection.query(sql, (error, result) => (error ? reject(error) : resolve(result))),
  );
}

/** When the server last did not answer in time, as `performance.now()` counts. */
export interface Outage {
  at: number;
}

export class MysqlPool {
  readonly #pool: mysql.Pool;
  readonly #outage: Outage;

  /** @param session SQL that sets up each connection @param outage shared by all pools of the server */
  constructor(url: string, size: number, session: string[], outage: Outage) {
    this.#outage = outage;
    this.#pool = mysql.createPool({
      uri: url,
      connectionLimit: size,
      connectTimeout: DEADLINE_MS,
      timezone: 'Z',
    });
    this.#pool.on('connection', (connection) => {
      // A failure ends the connection, and with it the request that waits for it.
      for (const sql of session) connection.query(sql, (error) => error && connection.destroy());
    });
  }

  /** A connection that was idle while the server did not answer may be dead without notice, so it is not used again. */
  #take(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, connection: Connection) => {
        if (error) return reject(error);
        const { at } = this.#outage;
        if ((connection.releasedAt ?? at) >= at) return resolve(connection);
        connection.destroy();
        this.#take().then(resolve, reject);
      });
    });
  }

  #release(connection: Connection): void {
    connection.releasedAt = performance.now();
    connection.release();
  }

  /** @throws LatchkeyError unavailable */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    let taken: Connection | undefined;
    let isLate = false;
    const job = this.#take().then(async (connection) => {
      if (isLate) {
        this.#release(connection);
        throw new Error('The deadline passed before there was a connection.');
      }
      taken = connection;
      try {
        return await work(connection);
      } finally {
        if (!isLate) this.#release(connection);
      }
    });
    return withDeadline(job, () => {
      isLate = true;
      this.#outage.at = performance.now();
      taken?.destroy();
    });
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.#pool.end(resolve));
  }
}
