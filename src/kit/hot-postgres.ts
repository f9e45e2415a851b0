import { hash } from 'node:crypto';
import pg from 'pg';
import { DEADLINE_MS, type HotPath, retried, withDeadline } from './hot-path.ts';
import { memo } from './memo.ts';
import { bind, guardedFirst, type Row, toStatement, type Value, type Write } from './statements.ts';

const DEADLOCK = '40P01';
const NOT_A_NUMBER = '22P02';
const GUARD_FAILED = /"guard:(\w+)"/;

interface Named {
  name: string;
  text: string;
}

const named = new Map<string, Named>();

/** `?` to `$1…`, under a name, so that the server parses and plans each statement once for a connection. */
function name(sql: string): Named {
  return memo(named, sql, () => {
    let index = 0;
    const text = sql.replaceAll('?', () => `$${++index}`);
    return { name: hash('sha256', text, 'base64url').slice(0, 20), text };
  });
}

/**
 * All writes of a unit as one statement, so one round trip and one commit. A guard that touched no row is at
 * its end a number that does not parse and says which guard: the whole statement is undone, however far it came.
 */
function unitStatement(writes: Write[]): { sql: string; values: Value[] } {
  const values: Value[] = [];
  const guards: string[] = [];
  const parts = writes.map((write, index) => {
    const statement = toStatement(write, 'postgres');
    values.push(...statement.values);
    if (write.guard === undefined) return `w${index} AS (${statement.sql})`;
    guards.push(
      `(SELECT CASE WHEN count(*) > 0 THEN '1' ELSE 'guard:${write.guard}' END FROM w${index})::int`,
    );
    return `w${index} AS (${statement.sql} RETURNING 1)`;
  });
  return { sql: `WITH ${parts.join(', ')} SELECT ${guards.join(', ') || '1'}`, values };
}

class Connections {
  readonly #open: { client: pg.Client; ready: Promise<unknown>; inFlight: number }[] = [];
  readonly #url: string;
  readonly #size: number;

  constructor(url: string, size: number) {
    this.#url = url;
    this.#size = size;
  }

  /** The least busy connection; a new one while all are busy and there is room. */
  #pick() {
    const idle = this.#open.toSorted((a, b) => a.inFlight - b.inFlight)[0];
    if (idle && (idle.inFlight === 0 || this.#open.length >= this.#size)) return idle;
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: DEADLINE_MS,
      application_name: 'latchkey',
      pipeline: true,
    } as pg.ClientConfig);
    const entry = { client, ready: client.connect(), inFlight: 0 };
    const drop = () => this.#drop(entry);
    entry.ready.catch(drop);
    client.on('error', drop);
    client.on('end', drop);
    this.#open.push(entry);
    return entry;
  }

  #drop(entry: { client: pg.Client }): void {
    const index = this.#open.findIndex((other) => other.client === entry.client);
    if (index >= 0) this.#open.splice(index, 1);
  }

  async query(statement: Named, values: unknown[]): Promise<pg.QueryResult> {
    const entry = this.#pick();
    entry.inFlight += 1;
    const work = entry.ready.then(() => entry.client.query({ ...statement, values }));
    try {
      return await withDeadline(work, () => {
        this.#drop(entry);
        (
          entry.client as unknown as { connection: { stream: { destroy(): void } } }
        ).connection.stream.destroy();
      });
    } finally {
      work.catch(() => {});
      entry.inFlight -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ client }) => client.end().catch(() => {})));
  }
}

/**
 * Pipelined connections beside Knex's pool: every statement commits by itself, so one connection can carry
 * many requests and none waits for an answer before the next is sent.
 */
export function createPostgresHotPath(url: string, size: number): HotPath {
  const connections = new Connections(url, size);
  const bound = (values: Value[]) => values.map((value) => bind(value, 'postgres'));

  async function attempt(writes: Write[]): Promise<string | undefined> {
    const ordered = guardedFirst(writes);
    const { sql, values } = unitStatement(ordered);
    try {
      await connections.query(name(sql), bound(values));
      return undefined;
    } catch (error) {
      const { code, message = '' } = error as { code?: string; message?: string };
      const guard = code === NOT_A_NUMBER ? GUARD_FAILED.exec(message)?.[1] : undefined;
      if (guard) return guard;
      throw error;
    }
  }

  return {
    async get(sql, values) {
      const { rows } = await connections.query(name(sql), bound(values));
      return rows[0] as Row | undefined;
    },
    commit: (writes) => retried(DEADLOCK, () => attempt(writes)),
    close: () => connections.close(),
  };
}
