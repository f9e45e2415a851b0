import mysql from 'mysql2';
import { DEADLINE_MS, type HotPath, retried, withDeadline } from './hot-path.ts';
import { bind, guardedFirst, type Row, toStatement, type Value, type Write } from './statements.ts';

const DUPLICATE = 'ER_DUP_ENTRY';
const DEADLOCK = 'ER_LOCK_DEADLOCK';

/** What a connection of this program always is: UTC, strict, and rows counted as matched. */
export const mysqlSession =
  "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = 2";
export const MYSQL_ISOLATION = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED';

type Reply = mysql.ResultSetHeader | mysql.RowDataPacket[];

function execute(connection: mysql.PoolConnection, sql: string, values: unknown[] = []): Promise<Reply> {
  return new Promise((resolve, reject) => {
    connection.execute(sql, values as mysql.ExecuteValues, (error, result) =>
      error ? reject(error) : resolve(result as Reply),
    );
  });
}

function query(connection: mysql.PoolConnection, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) =>
    connection.query(sql, (error, result) => (error ? reject(error) : resolve(result))),
  );
}

const bound = (value: Value) => bind(value, 'mysql');

class GuardFailed extends Error {
  readonly guard: string;
  constructor(guard: string) {
    super(guard);
    this.guard = guard;
  }
}

async function run(connection: mysql.PoolConnection, write: Write): Promise<void> {
  const { sql, values } = toStatement(write, 'mysql');
  const { guard } = write;
  try {
    const { affectedRows } = (await execute(connection, sql, values)) as mysql.ResultSetHeader;
    if (guard !== undefined && affectedRows === 0) throw new GuardFailed(guard);
  } catch (error) {
    if (guard !== undefined && (error as { code?: string }).code === DUPLICATE) throw new GuardFailed(guard);
    throw error;
  }
}

/** Prepared statements on a pool of their own; a unit of one write needs no transaction, any other is one. */
export function createMysqlHotPath(url: string, size: number): HotPath {
  const pool = mysql.createPool({
    uri: url,
    connectionLimit: size,
    connectTimeout: DEADLINE_MS,
    timezone: 'Z',
    maxPreparedStatements: 500,
  });
  pool.on('connection', (connection) => {
    // A failure ends the connection, and with it the request that waits for it.
    const settled = (error: unknown) => error && connection.destroy();
    connection.query(mysqlSession, settled);
    // As PostgreSQL: without it a revocation locks the gaps beside its rows, and others die of it.
    connection.query(MYSQL_ISOLATION, settled);
  });

  function withConnection<T>(work: (connection: mysql.PoolConnection) => Promise<T>): Promise<T> {
    let taken: mysql.PoolConnection | undefined;
    let late = false;
    const job = new Promise<mysql.PoolConnection>((resolve, reject) => {
      pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
    }).then(async (connection) => {
      if (late) {
        connection.release();
        throw new Error('timeout exceeded');
      }
      taken = connection;
      try {
        const result = await work(connection);
        if (!late) connection.release();
        return result;
      } catch (error) {
        if (!late) connection.release();
        throw error;
      }
    });
    job.catch(() => {});
    return withDeadline(job, () => {
      late = true;
      taken?.destroy();
    });
  }

  async function transaction(connection: mysql.PoolConnection, writes: Write[]): Promise<void> {
    await query(connection, 'START TRANSACTION');
    try {
      for (const write of guardedFirst(writes)) await run(connection, write);
      await query(connection, 'COMMIT');
    } catch (error) {
      await query(connection, 'ROLLBACK').catch(() => connection.destroy());
      throw error;
    }
  }

  async function attempt(writes: Write[]): Promise<string | undefined> {
    const [only] = writes;
    try {
      await withConnection((connection) =>
        writes.length === 1 && only ? run(connection, only) : transaction(connection, writes),
      );
      return undefined;
    } catch (error) {
      if (error instanceof GuardFailed) return error.guard;
      throw error;
    }
  }

  return {
    async get(sql, values) {
      const rows = await withConnection((connection) => execute(connection, sql, values.map(bound)));
      return (rows as Row[])[0];
    },
    commit: (writes) => retried(DEADLOCK, () => attempt(writes)),
    close: () => new Promise((resolve) => pool.end(() => resolve())),
  };
}
