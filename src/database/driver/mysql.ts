import mysql from 'mysql2';
import { bind, type Row, type Value, type Write } from '../writes.ts';
import { readInStep, type Select } from './batched-reads.ts';
import { DEADLINE_MS, type Driver, LOCK_WAIT_MS, withDeadline } from './contract.ts';
import { inStep } from './group-commit.ts';
import { type Connection, execute, GuardFailed, query, run } from './mysql-statements.ts';
import { type Step, stepsOf } from './steps.ts';

/** What a connection of this program always is: UTC, strict, and rows counted as matched. */
export const mysqlSession = `SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = ${LOCK_WAIT_MS / 1000}`;
export const MYSQL_ISOLATION = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED';

const bound = (value: Value) => bind(value, 'mysql');

/** Connections on which that stands of every session. */
function openPool(url: string, size: number, session: string[]): mysql.Pool {
  const pool = mysql.createPool({
    uri: url,
    connectionLimit: size,
    connectTimeout: DEADLINE_MS,
    timezone: 'Z',
  });
  pool.on('connection', (connection) => {
    // A failure ends the connection, and with it the request that waits for it.
    for (const sql of session) connection.query(sql, (error) => error && connection.destroy());
  });
  return pool;
}

/**
 * Prepared statements on pools of their own. Units that become ready in the same turn of the event loop share a
 * transaction, and a statement for each table that they add rows to. What is one statement commits by itself; more run
 * where the first of them begins the transaction, which spares a round trip.
 */
export function createMysqlDriver(url: string, size: number): Driver {
  // As PostgreSQL: without it a revocation locks the gaps beside its rows, and others die of it.
  const session = [mysqlSession, MYSQL_ISOLATION];
  const single = openPool(url, size, session);
  const several = openPool(url, size, [...session, 'SET autocommit = 0']);

  /** When the database was last waited for in vain, as `performance.now()` counts. */
  let gone = 0;

  /** One that lay idle while the database was gone may be dead without a word: nobody is to wait for it again. */
  function take(pool: mysql.Pool): Promise<Connection> {
    return new Promise((resolve, reject) => {
      pool.getConnection((error, connection: Connection) => {
        if (error) return reject(error);
        if ((connection.releasedAt ?? gone) >= gone) return resolve(connection);
        connection.destroy();
        take(pool).then(resolve, reject);
      });
    });
  }

  function giveBack(connection: Connection): void {
    connection.releasedAt = performance.now();
    connection.release();
  }

  function withConnection<T>(pool: mysql.Pool, work: (connection: Connection) => Promise<T>): Promise<T> {
    let taken: Connection | undefined;
    let late = false;
    const job = take(pool).then(async (connection) => {
      if (late) {
        giveBack(connection);
        throw new Error('timeout exceeded');
      }
      taken = connection;
      try {
        return await work(connection);
      } finally {
        if (!late) giveBack(connection);
      }
    });
    job.catch(() => {});
    return withDeadline(job, () => {
      late = true;
      gone = performance.now();
      taken?.destroy();
    });
  }

  async function transaction(connection: Connection, steps: Step[]): Promise<void> {
    try {
      for (const step of steps) await run(connection, step);
      await query(connection, 'COMMIT');
    } catch (error) {
      await query(connection, 'ROLLBACK').catch(() => connection.destroy());
      throw error;
    }
  }

  async function attempt(units: Write[][]): Promise<string | undefined> {
    const steps = stepsOf(units.flat(), 'mysql');
    const [only] = steps;
    try {
      if (only && steps.length === 1) await withConnection(single, (connection) => run(connection, only));
      else await withConnection(several, (connection) => transaction(connection, steps));
      return undefined;
    } catch (error) {
      if (error instanceof GuardFailed) return error.guard;
      throw error;
    }
  }

  const ask = (selects: Select[]) =>
    Promise.all(
      selects.map(async ({ sql, values }) => {
        const rows = await withConnection(single, (one) => execute(one, sql, values.map(bound)));
        return rows as Row[];
      }),
    );

  return {
    readOne: readInStep(ask),
    commit: inStep(attempt),
    async close() {
      await Promise.all([single, several].map((pool) => new Promise((resolve) => pool.end(resolve))));
    },
  };
}
