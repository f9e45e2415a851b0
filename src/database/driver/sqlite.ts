import Sqlite from 'better-sqlite3';
import type { Knex } from 'knex';
import { bindValues, inOrder, type Reading, type Write } from '../writes.ts';
import type { Driver, Found } from './contract.ts';
import { toUnavailable } from './failures.ts';
import { GuardFailed, groupCommit, grouped } from './group-commit.ts';
import { requireSameFile } from './sqlite-identity.ts';
import { waitForFile } from './sqlite-locks.ts';

type Connection = Sqlite.Database & { statements?: Map<string, Sqlite.Statement> };

function prepare(connection: Connection, sql: string): Sqlite.Statement {
  connection.statements ??= new Map();
  const known = connection.statements.get(sql) ?? connection.prepare(sql);
  connection.statements.set(sql, known);
  return known;
}

/** @throws Error after everything was rolled back */
function transact<T>(connection: Connection, begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T): T {
  prepare(connection, begin).run();
  try {
    const result = work();
    prepare(connection, 'COMMIT').run();
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

/** @returns the guard that failed as the first write of the unit, so that nothing was written @throws GuardFailed */
function writeUnit(connection: Connection, writes: Write[]): string | undefined {
  for (const [index, write] of inOrder(writes).entries()) {
    const { statement, guard } = write;
    const { changes } = prepare(connection, statement.sql('sqlite')).run(bindValues(write, 'sqlite'));
    if (guard === undefined || changes > 0) continue;
    if (index > 0) throw new GuardFailed(guard);
    return guard;
  }
  return undefined;
}

const find = (connection: Connection, reading: Reading) =>
  prepare(connection, reading.statement.sql('sqlite')).get(bindValues(reading, 'sqlite')) as Found;

/**
 * Units that become ready within a few turns of the event loop are committed in one transaction: one fsync for all,
 * and one write of each changed page. Reads of one turn share a transaction too, because statements that run one
 * after the other find their data in the processor's caches.
 *
 * Both use Knex's only connection, whose page cache then stays warm. While a service has a transaction open on it,
 * writes wait, and reads use a connection of their own, which sees only what is committed.
 */
export function createSqliteDriver(knex: Knex, filename: string): Driver {
  const reader: Connection = new Sqlite(filename, { readonly: true, timeout: 1000 });
  let writer: Connection | undefined;
  const findIdle = () => (writer?.open && !writer.inTransaction ? writer : undefined);

  /**
   * Once it has the connection, writes the whole group synchronously, so that nothing else can use the connection in
   * between.
   */
  async function writeUnits(units: Write[][]): Promise<(string | undefined)[]> {
    const idle = findIdle();
    const connection: Connection = idle ?? (await knex.client.acquireConnection());
    try {
      writer = connection;
      requireSameFile(connection);
      return transact(connection, 'BEGIN IMMEDIATE', () =>
        units.map((writes) => writeUnit(connection, writes)),
      );
    } finally {
      if (!idle) await knex.client.releaseConnection(connection);
    }
  }

  const readOne = grouped<Reading, Found>({
    size: Number.POSITIVE_INFINITY,
    async attempt(readings) {
      const connection = findIdle() ?? reader;
      try {
        return transact(connection, 'BEGIN', () => readings.map((one) => find(connection, one)));
      } catch (error) {
        throw toUnavailable(error);
      }
    },
  });

  return {
    readOne: (statement, values) => readOne({ statement, values }),
    commit: groupCommit({
      size: Number.POSITIVE_INFINITY,
      turns: 5,
      oneAtATime: true,
      attempt: (units) =>
        waitForFile(reader, () => writeUnits(units)).catch((error) => {
          throw toUnavailable(error);
        }),
    }),
    async close() {
      reader.close();
    },
  };
}
