import { hash } from 'node:crypto';
import { LatchkeyError } from './errors.ts';
import { type HotPath, retried } from './hot-path.ts';
import { forRows, sizesOf } from './many-rows.ts';
import { memo } from './memo.ts';
import { Connections, type Named } from './postgres-connections.ts';
import { Shape } from './shapes.ts';
import { type Bound, bind, guardedFirst, toStatement, type Value, type Write } from './statements.ts';

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
function unitStatement(writes: Write[]): { statement: Named; values: Bound[] } {
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

const bound = (value: Value) => bind(value, 'postgres');

/** A unit that adds one row and does nothing else. */
interface Added {
  write: Write;
  values: Bound[];
  resolve(guard: undefined): void;
  reject(error: unknown): void;
}

const addsOneRow = ([only, ...more]: Write[]) =>
  only?.kind === 'insert' && only.guard === undefined && !only.ignore && more.length === 0;

/**
 * Pipelined connections beside Knex's pool: every statement commits by itself, so one connection can carry
 * many requests and none waits for an answer before the next is sent. Units of one turn of the event loop that each add
 * one row to the same table are one statement.
 */
export function createPostgresHotPath(url: string, size: number): HotPath {
  const connections = new Connections(url, size);

  async function attempt(writes: Write[]): Promise<string | undefined> {
    const { statement, values } = unitStatement(guardedFirst(writes));
    try {
      await connections.query('write', statement, values);
      return undefined;
    } catch (error) {
      const { code, message = '' } = error as { code?: string; message?: string };
      const guard = code === NOT_A_NUMBER ? GUARD_FAILED.exec(message)?.[1] : undefined;
      if (guard) return guard;
      throw error;
    }
  }

  const alone = (writes: Write[]) => retried(() => attempt(writes));

  /** By their INSERT. */
  const added = new Map<string, Added[]>();

  async function addTogether(sql: string, group: Added[]): Promise<void> {
    const values = group.flatMap((one) => one.values);
    try {
      await connections.query('write', single(forRows(sql, group.length)), values);
      for (const { resolve } of group) resolve(undefined);
    } catch (error) {
      for (const { write, resolve, reject } of group) {
        // Whether that was committed nobody knows, so it is not done again.
        if (error instanceof LatchkeyError) reject(error);
        // One of them is at fault: each again by itself, so that no other pays for it.
        else alone([write]).then(() => resolve(undefined), reject);
      }
    }
  }

  function drain(): void {
    for (const [sql, waiting] of added)
      for (const size of sizesOf(waiting.length)) addTogether(sql, waiting.splice(0, size));
    added.clear();
  }

  function add(write: Write): Promise<undefined> {
    const { sql, values } = toStatement(write, 'postgres');
    return new Promise((resolve, reject) => {
      if (added.size === 0) setImmediate(drain);
      memo(added, sql, () => []).push({ write, values, resolve, reject });
    });
  }

  return {
    async get(sql, values) {
      const ask = () => connections.query('read', single(sql), values.map(bound));
      try {
        return (await ask())[0];
      } catch (error) {
        if (error instanceof LatchkeyError) throw error;
        // What it waited for may be free by now. Not around every read: that is more promises for each.
        return (await retried(ask))[0];
      }
    },
    commit: (writes) => (addsOneRow(writes) ? add(writes[0] as Write) : alone(writes)),
    close: () => connections.close(),
  };
}
