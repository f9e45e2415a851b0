import type mysql from 'mysql2';
import { memo } from './memo.ts';
import { type Bound, guardedFirst, toStatement, type Write } from './statements.ts';

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

/** One statement to run: a guarded write, or the free ones of several units that are alike. */
export interface Step {
  sql: string;
  values: Bound[];
  rows: number;
  guard?: string;
}

/** Only so many rows at once, so that there are few statements to prepare. */
const SIZES = [8, 4, 2, 1];

function inSizes({ sql, values, rows, guard }: Step): Step[] {
  const width = values.length / rows;
  const steps: Step[] = [];
  for (let from = 0; from < rows; from += steps.at(-1)?.rows ?? rows) {
    const size = SIZES.find((one) => one <= rows - from) ?? 1;
    steps.push({ sql, values: values.slice(from * width, (from + size) * width), rows: size, guard });
  }
  return steps;
}

/** Rows for one table go there together, where the first of them stood. */
export function stepsOf(writes: Write[]): Step[] {
  const steps: Step[] = [];
  const inserts = new Map<string, Step>();
  for (const write of guardedFirst(writes)) {
    const { sql, values } = toStatement(write, 'mysql');
    const { guard } = write;
    const alike = guard === undefined ? inserts.get(sql) : undefined;
    if (alike) {
      alike.rows += 1;
      for (const value of values) alike.values.push(value);
      continue;
    }
    const step = { sql, values, rows: 1, guard };
    steps.push(step);
    if (write.kind === 'insert' && guard === undefined) inserts.set(sql, step);
  }
  return steps.flatMap((step) => (step.rows === 1 ? step : inSizes(step)));
}

const manyRows = new Map<string, string[]>();

/** The INSERT for so many rows, the very same string at each call. */
function forRows({ sql, rows }: Step): string {
  if (rows === 1) return sql;
  const made = memo(manyRows, sql, () => []);
  made[rows] ??= sql + `, ${sql.slice(sql.lastIndexOf('('))}`.repeat(rows - 1);
  return made[rows];
}

/** @throws GuardFailed */
export async function run(connection: Connection, step: Step): Promise<void> {
  const { guard } = step;
  try {
    const { affectedRows } = (await execute(connection, forRows(step), step.values)) as mysql.ResultSetHeader;
    if (guard !== undefined && affectedRows === 0) throw new GuardFailed(guard);
  } catch (error) {
    if (guard !== undefined && (error as { code?: string }).code === DUPLICATE) throw new GuardFailed(guard);
    throw error;
  }
}
