import type mysql from 'mysql2';
import type { Bound } from '../writes.ts';
import { forRows } from './many-rows.ts';
import type { Step } from './steps.ts';

const DUPLICATE = 'ER_DUP_ENTRY';

type Reply = mysql.ResultSetHeader | mysql.RowDataPacket[];

export type Connection = mysql.PoolConnection & {
  /** What was prepared on it, by SQL: the driver's own way there hashes the whole text of each statement again. */
  statements?: Map<string, mysql.PrepareStatementInfo>;
  /** As `performance.now()` counts. */
  releasedAt?: number;
};

function prepared(connection: Connection, sql: string): Promise<mysql.PrepareStatementInfo> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, statement) => {
      if (error) return reject(error);
      connection.statements ??= new Map();
      connection.statements.set(sql, statement);
      resolve(statement);
    });
  });
}

/** @returns rows, or what became of a write */
export async function execute(connection: Connection, sql: string, values: Bound[]): Promise<Reply> {
  const statement = connection.statements?.get(sql) ?? (await prepared(connection, sql));
  return new Promise((resolve, reject) => {
    statement.execute(values, (error, result) => (error ? reject(error) : resolve(result as Reply)));
  });
}

export function query(connection: mysql.PoolConnection, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) =>
    connection.query(sql, (error, result) => (error ? reject(error) : resolve(result))),
  );
}

/** A guarded write touched no row, or one that was there already. */
export class GuardFailed extends Error {
  readonly guard: string;
  constructor(guard: string) {
    super(guard);
    this.guard = guard;
  }
}

/** @throws GuardFailed */
export async function run(connection: Connection, step: Step): Promise<void> {
  const { guard } = step;
  try {
    const { affectedRows } = (await execute(
      connection,
      forRows(step.sql, step.rows),
      step.values,
    )) as mysql.ResultSetHeader;
    if (guard !== undefined && affectedRows === 0) throw new GuardFailed(guard);
  } catch (error) {
    if (guard !== undefined && (error as { code?: string }).code === DUPLICATE) throw new GuardFailed(guard);
    throw error;
  }
}
