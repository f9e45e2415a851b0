import Sqlite from 'better-sqlite3';
import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { isBusy, pauseMs } from '../knex-sqlite.ts';
import { bind, guardedFirst, toStatement, type Value, type Write } from '../writes.ts';
import { classify, type Driver, type Found, LOCK_WAIT_MS } from './contract.ts';

interface Asked {
  sql: string;
  values: Value[];
  resolve(found: Found): void;
  reject(error: unknown): void;
}

interface Waiting {
  writes: Write[];
  /** As `performance.now()` counts. */
  since: number;
  resolve(guard: string | undefined): void;
  reject(error: unknown): void;
}

type Connection = Sqlite.Database & { statements?: Map<string, Sqlite.Statement> };

function prepared(connection: Connection, sql: string): Sqlite.Statement {
  connection.statements ??= new Map();
  let statement = connection.statements.get(sql);
  if (!statement) {
    statement = connection.prepare(sql);
    connection.statements.set(sql, statement);
  }
  return statement;
}

const bound = (value: Value) => bind(value, 'sqlite');

/** What fails fails alone. */
function find(connection: Connection, { sql, values, resolve, reject }: Asked): void {
  try {
    resolve(prepared(connection, sql).get(values.map(bound)) as Found);
  } catch (error) {
    reject(classify(error));
  }
}

/** Units wait for others as long as each turn of the event loop brings some, but for no more turns than this. */
const MOST_TURNS = 4;

/** A guard failed after another row of its unit was written: the transaction must be undone. */
class LateGuard extends Error {
  readonly guard: string;
  constructor(guard: string) {
    super(guard);
    this.guard = guard;
  }
}

/** @returns the guard that failed as the first write of the unit, so that nothing was written @throws LateGuard */
function write(connection: Connection, writes: Write[]): string | undefined {
  let index = -1;
  for (const one of guardedFirst(writes)) {
    index += 1;
    const { sql, values } = toStatement(one, 'sqlite');
    const { changes } = prepared(connection, sql).run(values);
    const { guard } = one;
    if (guard === undefined || changes > 0) continue;
    if (index > 0) throw new LateGuard(guard);
    return guard;
  }
  return undefined;
}

/**
 * Group commit: units that become ready in the same turns of the event loop share one transaction, so that
 * `synchronous=FULL` costs one fsync for all of them, and a page that several touch is written once. Reads and writes
 * use Knex's one connection, whose cache then stays warm; while a transaction of a service is open on it, writes wait and reads go through a
 * connection of their own, which sees only what is committed. While another process is writing, units come again and reads go on.
 */
export function createSqliteDriver(knex: Knex, filename: string): Driver {
  const reader: Connection = new Sqlite(filename, { readonly: true });
  reader.pragma('busy_timeout = 1000');
  let writer: Connection | undefined;
  let asked: Asked[] = [];
  let queue: Waiting[] = [];
  let scheduled = false;
  /** How many units waited when they were last looked at, and how many turns of the event loop they have waited. */
  let seen = 0;
  let turns = 0;

  function together(connection: Connection, group: Waiting[]): (string | undefined)[] {
    prepared(connection, 'BEGIN IMMEDIATE').run();
    try {
      const guards = group.map((waiting) => write(connection, waiting.writes));
      prepared(connection, 'COMMIT').run();
      return guards;
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      throw error;
    }
  }

  /** @returns those that must come again, since another process is writing */
  function settle(connection: Connection, group: Waiting[]): Waiting[] {
    try {
      const guards = together(connection, group);
      for (const [index, waiting] of group.entries()) waiting.resolve(guards[index]);
    } catch (error) {
      const [only] = group;
      const away = classify(error);
      if (isBusy(error)) {
        const late = performance.now() - LOCK_WAIT_MS;
        for (const waiting of group) if (waiting.since < late) waiting.reject(away);
        return group.filter(({ since }) => since >= late);
      }
      if (away instanceof LatchkeyError) {
        // Full or read-only: none is at fault, and no waiting helps.
        for (const waiting of group) waiting.reject(away);
      } else if (group.length > 1 || !only) {
        // One of them is at fault: each again alone, so that it fails by itself.
        for (const [index, waiting] of group.entries())
          if (settle(connection, [waiting]).length > 0) return group.slice(index);
      } else if (error instanceof LateGuard) {
        only.resolve(error.guard);
      } else {
        only.reject(error);
      }
    }
    return [];
  }

  /** Knex's connection, unless a transaction of a service is open on it. */
  function idle(): Connection | undefined {
    return writer?.open && !writer.inTransaction ? writer : undefined;
  }

  async function drain(): Promise<void> {
    if (queue.length > seen && turns < MOST_TURNS) {
      seen = queue.length;
      turns += 1;
      setImmediate(drain);
      return;
    }
    seen = 0;
    turns = 0;
    let taken: Connection | undefined;
    try {
      // Nothing comes between: a group is written within this turn of the event loop.
      if (!idle()) taken = (await knex.client.acquireConnection()) as Connection;
    } catch (error) {
      scheduled = false;
      for (const waiting of queue.splice(0)) waiting.reject(classify(error));
      return;
    }
    writer = taken ?? writer;
    queue = settle(writer as Connection, queue);
    scheduled = queue.length > 0;
    if (scheduled) setTimeout(drain, pauseMs());
    if (taken) await knex.client.releaseConnection(taken);
  }

  /**
   * All that was asked in this turn of the event loop, in one transaction. One statement after another finds its pages
   * and its code in the processor's caches, and so do the requests that then go on together; one by one they cost
   * a half more.
   */
  function answer(): void {
    const batch = asked;
    asked = [];
    const connection = idle() ?? reader;
    try {
      prepared(connection, 'BEGIN').run();
      for (const one of batch) find(connection, one);
      prepared(connection, 'COMMIT').run();
    } catch (error) {
      if (connection.inTransaction) connection.exec('ROLLBACK');
      for (const { reject } of batch) reject(classify(error));
    }
  }

  return {
    readOne(sql, values) {
      return new Promise((resolve, reject) => {
        if (asked.length === 0) setImmediate(answer);
        asked.push({ sql, values, resolve, reject });
      });
    },
    commit(writes) {
      return new Promise((resolve, reject) => {
        queue.push({ writes, since: performance.now(), resolve, reject });
        if (!scheduled) {
          scheduled = true;
          setImmediate(drain);
        }
      });
    },
    async close() {
      reader.close();
    },
  };
}
