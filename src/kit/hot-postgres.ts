import { hash } from 'node:crypto';
import pg from 'pg';
import { DEADLINE_MS, type HotPath, retried, withDeadline } from './hot-path.ts';
import { memo } from './memo.ts';
import { Shape } from './shapes.ts';
import {
  type Bound,
  bind,
  guardedFirst,
  type Row,
  toStatement,
  type Value,
  type Write,
} from './statements.ts';

const DEADLOCK = '40P01';
/** How many share a connection in one turn of the event loop: more writes would wait for each other's commits. */
const TOGETHER = { read: 16, write: 4 };

type Lane = keyof typeof TOGETHER;
const NOT_A_NUMBER = '22P02';
const GUARD_FAILED = /"guard:(\w+)"/;

interface Named {
  name: string;
  text: string;
}

/** `?` to `$1…`, under a name, so that the server parses and plans each statement once for a connection. */
function named(sql: string): Named {
  let index = 0;
  const text = sql.replaceAll('?', () => `$${++index}`);
  return { name: hash('sha256', text, 'base64url').slice(0, 20), text };
}

const selects = new Map<string, Named>();
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

interface Socket {
  cork(): void;
  uncork(): void;
  destroy(): void;
}

interface Open {
  client: pg.Client;
  ready: Promise<unknown>;
  connected: boolean;
  inFlight: number;
}

const bound = (value: Value) => bind(value, 'postgres');

const socketOf = (client: pg.Client) =>
  (client as unknown as { connection: { stream: Socket } }).connection.stream;

function answer(entry: Open, { name, text }: Named, values: Bound[]): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    // Made of the parts: a configuration object would be copied property by property.
    const query = new pg.Query(text, values) as pg.Query & { name: string; callback: unknown };
    query.name = name;
    query.callback = (error: unknown, result: pg.QueryResult) => {
      entry.inFlight -= 1;
      if (error) reject(error);
      else resolve(result.rows);
    };
    entry.client.query(query);
  });
}

class Connections {
  readonly #open: Open[] = [];
  readonly #turn: Partial<Record<Lane, { entry: Open; left: number }>> = {};
  readonly #url: string;
  readonly #size: number;

  constructor(url: string, size: number) {
    this.#url = url;
    this.#size = size;
  }

  /**
   * What is read in the same turn of the event loop shares a connection and leaves in one write, and so does what is written:
   * a write to a socket costs more than all else that a query does here.
   */
  #next(lane: Lane): Open {
    const turn = this.#turn[lane];
    if (turn && turn.left > 0 && this.#open.includes(turn.entry)) {
      turn.left -= 1;
      return turn.entry;
    }
    const entry = this.#pick();
    if (!entry.connected) return entry;
    const begun = { entry, left: TOGETHER[lane] - 1 };
    this.#turn[lane] = begun;
    const socket = socketOf(entry.client);
    socket.cork();
    setImmediate(() => {
      if (this.#turn[lane] === begun) this.#turn[lane] = undefined;
      socket.uncork();
    });
    return entry;
  }

  /** The least busy connection; a new one while all are busy and there is room. */
  #pick(): Open {
    let idle = this.#open[0];
    for (const entry of this.#open) if (idle && entry.inFlight < idle.inFlight) idle = entry;
    if (idle && (idle.inFlight === 0 || this.#open.length >= this.#size)) return idle;
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: DEADLINE_MS,
      application_name: 'latchkey',
      pipeline: true,
    } as pg.ClientConfig);
    const entry: Open = { client, ready: client.connect(), connected: false, inFlight: 0 };
    const drop = () => this.#drop(entry);
    entry.ready.then(() => {
      entry.connected = true;
    }, drop);
    client.on('error', drop);
    client.on('end', drop);
    this.#open.push(entry);
    return entry;
  }

  #drop(entry: { client: pg.Client }): void {
    const index = this.#open.findIndex((other) => other.client === entry.client);
    if (index >= 0) this.#open.splice(index, 1);
  }

  query(lane: Lane, statement: Named, values: Bound[]): Promise<Row[]> {
    const entry = this.#next(lane);
    entry.inFlight += 1;
    const work = entry.connected
      ? answer(entry, statement, values)
      : entry.ready.then(
          () => answer(entry, statement, values),
          (error) => {
            entry.inFlight -= 1;
            throw error;
          },
        );
    return withDeadline(work, () => {
      this.#drop(entry);
      socketOf(entry.client).destroy();
    });
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

  return {
    async get(sql, values) {
      const statement = memo(selects, sql, () => named(sql));
      const rows = await connections.query('read', statement, values.map(bound));
      return rows[0];
    },
    commit: (writes) => retried(DEADLOCK, () => attempt(writes)),
    close: () => connections.close(),
  };
}
