import type mysql from 'mysql2';
import type { Row } from '../statements.ts';
import { batchReads } from './batched-reads.ts';
import type { Driver } from './contract.ts';
import { failureOf } from './failures.ts';
import { GuardFailed, groupCommit } from './group-commit.ts';
import { type Connection, execute, MYSQL_SESSION, MysqlPool, query } from './mysql-connections.ts';
import { type Step, stepsOf } from './steps.ts';

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

async function transact(connection: Connection, steps: Step[]): Promise<void> {
  try {
    for (const step of steps) await run(connection, step);
    await query(connection, 'COMMIT');
  } catch (error) {
    await query(connection, 'ROLLBACK').catch(() => connection.destroy());
    throw error;
  }
}

/**
 * The client library waits for the answer to each statement, so what is asked in one turn of the event loop shares
 * statements where it can. A single statement commits by itself. Several run on a connection without autocommit, where
 * the first begins the transaction, which saves a round trip.
 */
export function createMysqlDriver(url: string, connections: number): Driver {
  const outage = { at: 0 };
  const single = new MysqlPool(url, connections, MYSQL_SESSION, outage);
  const several = new MysqlPool(url, connections, [...MYSQL_SESSION, 'SET autocommit = 0'], outage);

  const ask = ({ statement, times, values }: Step) =>
    single.use(async (connection) => {
      const rows = await execute(connection, statement.sql('mysql', times), values);
      return rows as Row[];
    });

  return {
    readOne: batchReads('mysql', (steps) => Promise.all(steps.map(ask))),
    commit: groupCommit({
      // More units would wait long for each other.
      size: 8,
      // A single guarded write is one round trip anyway, and anybody can make it fail (by guessing a password).
      isApart: (writes) => writes.length === 1 && writes[0]?.guard !== undefined,
      async attempt(units) {
        const steps = stepsOf(units.flat(), 'mysql');
        const [only] = steps;
        if (only && steps.length === 1) await single.use((connection) => run(connection, only));
        else await several.use((connection) => transact(connection, steps));
        return units.map(() => undefined);
      },
    }),
    async close() {
      await Promise.all([single.close(), several.close()]);
    },
  };
}
