import type { Database } from '../../src/database/open.ts';
import type { Engine } from '../../src/database/statement-builders.ts';
import { bindValues, type Reading } from '../../src/database/writes.ts';

export interface Asked {
  sql: string;
  values: unknown[];
}

const KNEX_ONLY = /^(begin|commit|rollback|release|savepoint|set |pragma|select 1( as one)?$|insert)/i;

/** Records every statement that a server runs from now on, without inserts and without repeats. */
export function watch({ driver, knex, engine }: Database): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  const note = (sql: string, values: unknown[]) => {
    if (!KNEX_ONLY.test(sql) && !asked.has(sql)) asked.set(sql, { sql, values });
  };
  const { readOne, commit } = driver;
  const noteOne = (one: Reading) => note(one.statement.sql(engine), bindValues(one, engine));
  driver.readOne = (statement, values) => {
    noteOne({ statement, values });
    return readOne(statement, values);
  };
  driver.commit = (writes) => {
    for (const write of writes) noteOne(write);
    return commit(writes);
  };
  knex.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => note(sql, bindings));
  return asked;
}

/** Replaces `?` by the numbered parameters of PostgreSQL. */
function numbered(sql: string): string {
  let count = 0;
  return sql.replace(/\?/g, () => {
    count += 1;
    return `$${count}`;
  });
}

type Connection = { query(sql: string, values: unknown[]): Promise<{ rows: { 'QUERY PLAN': string }[] }> };

/** A step of a query plan, with the expected number of rows if the engine names it. */
interface Step {
  step: string;
  rows?: number;
}

const READERS: Record<Engine, (database: Database, asked: Asked) => Promise<Step[]>> = {
  async sqlite({ knex }, { sql, values }) {
    const rows = await knex.raw(`EXPLAIN QUERY PLAN ${sql}`, values as never);
    return rows.map(({ detail }: { detail: string }) => ({ step: detail }));
  },
  async postgres({ knex }, { sql, values }) {
    const connection: Connection = await knex.client.acquireConnection();
    try {
      const { rows } = await connection.query(`EXPLAIN ${sql.includes('$1') ? sql : numbered(sql)}`, values);
      return rows.map((row) => {
        const step = row['QUERY PLAN'].trim();
        return { step, rows: Number(/rows=(\d+)/.exec(step)?.[1]) };
      });
    } finally {
      await knex.client.releaseConnection(connection);
    }
  },
  async mysql({ knex }, { sql, values }) {
    const [rows] = await knex.raw(`EXPLAIN ${sql}`, values as never);
    return rows.map(({ table, type, key, rows: count }: Record<string, unknown>) => ({
      step: `${type} on ${table} by ${key}, ${count} rows`,
      rows: Number(count),
    }));
  },
};

/** A derived table named `d` holds the few rows that its own query found. */
const SCAN = /^(SCAN (?!CONSTANT|d$)|(->\s+)?(Parallel )?Seq Scan|ALL on (?!<derived)|index on)/;

/** @returns the steps of the statement's plan that read a whole table or a whole index */
export async function scansOf(database: Database, asked: Asked): Promise<Step[]> {
  const steps = await READERS[database.engine](database, asked);
  return steps.filter(({ step }) => SCAN.test(step));
}
