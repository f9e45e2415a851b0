/**
 * MySQL and MariaDB. Their session settings are in `mysql-session.ts`, error codes in `failures.ts`, the SQL that differs in
 * `../statement-builders.ts`.
 */
import mysql from 'mysql2';
import { outcomeUnknown, unavailable } from '../../kit/errors.ts';
import type { Row } from '../statement-builders.ts';
import { DEADLINE_MS } from '../time-limits.ts';
import type { Bound } from '../writes.ts';
import { batchReads } from './batched-reads.ts';
import { waitAtLimit } from './connection-limit.ts';
import type { Driver } from './contract.ts';
import { withDeadline } from './deadline.ts';
import { failureOf, isReadOnly, isRefusal, markAsConnecting, markAsDatabase } from './failures.ts';
import { commitSteps, GuardFailed } from './group-commit.ts';
import { MYSQL_SESSION, mysqlConnection } from './mysql-session.ts';
import type { Step } from './steps.ts';

type Connection = mysql.PoolConnection & {
  /** When the connection was last given back, by `performance.now()`. */
  releasedAt?: number;
};

type Result = mysql.ResultSetHeader | mysql.RowDataPacket[];

/** Prepared at its first use on that connection. */
const execute = (connection: Connection, sql: string, values: Bound[]) =>
  new Promise<Result>((resolve, reject) =>
    connection.execute<Result>(sql, values, (error, result) => (error ? reject(error) : resolve(result))),
  );

const query = (connection: Connection, sql: string) =>
  new Promise<void>((resolve, reject) =>
    connection.query(sql, (error) => (error ? reject(error) : resolve())),
  );

/** What was sent on a connection. */
interface Sent {
  /** Whether it commits: if its answer is lost, the outcome is unknown. */
  commit: boolean;
}

/** @throws GuardFailed */
async function run(connection: Connection, { statement, times, values, guard }: Step): Promise<void> {
  let touched = 0;
  try {
    const result = await execute(connection, statement.sql('mysql', times), values);
    touched = (result as mysql.ResultSetHeader).affectedRows;
  } catch (error) {
    if (!statement.skipsDuplicates || failureOf(error) !== 'duplicate') throw error;
  }
  if (guard !== undefined && touched === 0) throw new GuardFailed(guard);
}

async function transact(connection: Connection, steps: Step[], sent: Sent): Promise<void> {
  try {
    await query(connection, 'BEGIN');
    for (const step of steps) await run(connection, step);
    sent.commit = true;
    await query(connection, 'COMMIT');
  } catch (error) {
    await query(connection, 'ROLLBACK').catch(() => connection.destroy());
    throw error;
  }
}

/** Connections beside Knex's pool. mysql2 waits for the answer to each statement before it sends the next. */
class MysqlPool {
  readonly #pool: mysql.Pool;
  /** When the server last did not answer in time, or took no writes, as `performance.now()` counts. */
  #lostAt = 0;
  #inUse = 0;
  #isTooLarge = false;

  constructor(url: string, connectionLimit: number) {
    this.#pool = mysql.createPool({
      ...mysqlConnection(url),
      connectionLimit,
      connectTimeout: DEADLINE_MS,
    });
    this.#pool.on('connection', (connection) => {
      // A failure ends the connection, and with it the request that waits for it.
      for (const sql of MYSQL_SESSION) connection.query(sql, (error) => error && connection.destroy());
    });
  }

  /** Takes no connection that was idle at `#lostAt`: it may be dead without notice, or lead to the former primary. */
  #acquire(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, connection: Connection) => {
        if (error) return reject(markAsConnecting(error));
        if ((connection.releasedAt ?? this.#lostAt) >= this.#lostAt) return resolve(connection);
        connection.destroy();
        this.#acquire().then(resolve, reject);
      });
    });
  }

  /** Ends the next connection that is given back, or one that is idle. */
  shrink(): void {
    if (this.#inUse > 0) this.#isTooLarge = true;
    else this.#pool.getConnection((_error, connection?: Connection) => connection?.destroy());
  }

  #release(connection: Connection): void {
    this.#inUse -= 1;
    if (this.#isTooLarge) {
      this.#isTooLarge = false;
      connection.destroy();
      return;
    }
    connection.releasedAt = performance.now();
    connection.release();
  }

  /** Ends this connection now, and those that are idle when they are next asked for. */
  #giveUp(connection: Connection | undefined): void {
    this.#lostAt = performance.now();
    connection?.destroy();
  }

  /** @throws LatchkeyError unavailable, with an unknown outcome if a commit was sent and not answered */
  withConnection<T>(work: (connection: Connection, sent: Sent) => Promise<T>): Promise<T> {
    let taken: Connection | undefined;
    let isLate = false;
    const sent = { commit: false };
    const toLost = (cause: unknown) => (sent.commit ? outcomeUnknown(cause) : unavailable(cause));
    const job = waitAtLimit(() => this.#acquire()).then(async (connection) => {
      taken = connection;
      this.#inUse += 1;
      try {
        if (isLate) throw new Error('The deadline passed before there was a connection.');
        return await work(connection, sent);
      } catch (error) {
        if (isReadOnly(error)) this.#giveUp(connection);
        if (sent.commit && failureOf(markAsDatabase(error)) === 'unavailable' && !isRefusal(error))
          throw toLost(error);
        throw error;
      } finally {
        this.#release(connection);
      }
    });
    const giveUp = () => {
      isLate = true;
      this.#giveUp(taken);
    };
    return withDeadline(job, giveUp, toLost);
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.#pool.end(resolve));
  }
}

export function createMysqlDriver(url: string, connections: number): Driver {
  const pool = new MysqlPool(url, connections);
  const read = ({ statement, times, values }: Step) =>
    pool.withConnection(
      (connection) => execute(connection, statement.sql('mysql', times), values) as Promise<Row[]>,
    );
  return {
    readOne: batchReads('mysql', (steps) => Promise.all(steps.map(read))),
    commit: commitSteps('mysql', ([first, ...more]) =>
      pool.withConnection((connection, sent) => {
        if (more.length > 0) return transact(connection, [first, ...more], sent);
        // A single statement commits by itself.
        sent.commit = true;
        return run(connection, first);
      }),
    ),
    shrink: () => pool.shrink(),
    async close() {
      await pool.close();
    },
  };
}
