import pg from 'pg';
import { DEADLINE_MS, LOCK_WAIT_MS, withDeadline } from './hot-path.ts';
import type { Bound, Row } from './statements.ts';

/** How many share a connection in one turn of the event loop: more writes would wait for each other's commits. */
const TOGETHER = { read: 16, write: 4 };

type Lane = keyof typeof TOGETHER;

/** A statement under the name that it is prepared by. */
export interface Named {
  name: string;
  text: string;
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

/** Pipelined: what is sent waits for no answer to what was sent before. */
export class Connections {
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
    // What waits for a lock keeps those behind it on the connection waiting, so it gives way and comes again.
    const locks = `SET lock_timeout = ${LOCK_WAIT_MS / TOGETHER.write}`;
    const ready = client.connect().then(() => client.query(locks));
    const entry: Open = { client, ready, connected: false, inFlight: 0 };
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
