import { hash } from 'node:crypto';
import type { HotPath } from './hot-path.ts';
import { inStep } from './in-step.ts';
import { readInStep, type Select } from './many-reads.ts';
import { forRows, sizesOf } from './many-rows.ts';
import { memo } from './memo.ts';
import { type Asked, Connections, type Named } from './postgres-connections.ts';
import { Shape } from './shapes.ts';
import { type Bound, bind, guardedFirst, toStatement, type Write } from './statements.ts';

const NOT_A_NUMBER = '22P02';
const GUARD_FAILED = /"guard:(\w+)"/;

/** `?` to `$1…`, under a name, so that the server parses and plans each statement once for a connection. */
function named(sql: string): Named {
  let index = 0;
  const text = sql.replaceAll('?', () => `$${++index}`);
  return { name: hash('sha256', text, 'base64url').slice(0, 20), text };
}

const singles = new Map<string, Named>();
const single = (sql: string) => memo(singles, sql, () => named(sql));
const units = new Shape<Named>();

function toUnitSql(writes: Write[], statements: string[]): string {
  const guards: string[] = [];
  const parts = writes.map(({ guard }, index) => {
    if (guard === undefined) return `w${index} AS (${statements[index]})`;
    guards.push(`(SELECT CASE WHEN count(*) > 0 THEN '1' ELSE 'guard:${guard}' END FROM w${index})::int`);
    return `w${index} AS (${statements[index]} RETURNING 1)`;
  });
  return `WITH ${parts.join(', ')} SELECT ${guards.join(', ') || '1'}`;
}

/**
 * All writes of a unit as one statement, so one round trip and one commit. A guard that touched no row is at
 * its end a number that does not parse and says which guard: the whole statement is undone, however far it came.
 */
function unitStatement(writes: Write[]): Asked {
  const values: Bound[] = [];
  const statements: string[] = [];
  let shape = units;
  for (const write of writes) {
    const { sql, values: more } = toStatement(write, 'postgres');
    statements.push(sql);
    for (const value of more) values.push(value);
    shape = shape.with(sql);
    if (write.guard !== undefined) shape = shape.with(write.guard);
  }
  shape.made ??= named(toUnitSql(writes, statements));
  return { statement: shape.made, values };
}

/** A unit that adds one row and does nothing else. */
const addsOneRow = ([only, ...more]: Write[]) =>
  only?.kind === 'insert' && only.guard === undefined && !only.ignore && more.length === 0;

/** A statement for each unit; those that each add one row to the same table are one. */
function statementsOf(writes: Write[][]): Asked[] {
  const added = new Map<string, Bound[][]>();
  const asked: Asked[] = [];
  for (const unit of writes) {
    if (addsOneRow(unit)) {
      const { sql, values } = toStatement(unit[0] as Write, 'postgres');
      memo(added, sql, () => []).push(values);
    } else asked.push(unitStatement(guardedFirst(unit)));
  }
  for (const [sql, rows] of added)
    for (const size of sizesOf(rows.length))
      asked.push({ statement: single(forRows(sql, size)), values: rows.splice(0, size).flat() });
  return asked;
}

/** How many share a transaction: of those that write, more would wait for each other. */
const TOGETHER = { read: 16, write: 8 };

/**
 * Pipelined connections beside Knex's pool, so that none waits for an answer before the next is sent. What is read in
 * one turn of the event loop is one message to the server and one from it, and so is what is written.
 */
export function createPostgresHotPath(url: string, size: number): HotPath {
  const connections = new Connections(url, size);

  async function attempt(units: Write[][]): Promise<string | undefined> {
    try {
      await connections.send(statementsOf(units));
      return undefined;
    } catch (error) {
      const { code, message = '' } = error as { code?: string; message?: string };
      const guard = code === NOT_A_NUMBER ? GUARD_FAILED.exec(message)?.[1] : undefined;
      if (guard) return guard;
      throw error;
    }
  }

  const ask = (selects: Select[]) =>
    connections.send(
      selects.map(({ sql, values }) => ({
        statement: single(sql),
        values: values.map((value) => bind(value, 'postgres')),
      })),
    );

  return {
    get: readInStep(TOGETHER.read, ask),
    commit: inStep(TOGETHER.write, attempt),
    close: () => connections.close(),
  };
}
