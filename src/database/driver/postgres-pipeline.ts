import { Socket } from 'node:net';
import pg from 'pg';
import { readConnectionUrl } from '../../kit/connection-url-tls.ts';
import { outcomeUnknown, unavailable } from '../../kit/errors.ts';
import type { Row } from '../statement-builders.ts';
import { DEADLINE_MS, LOCK_WAIT_MS } from '../time-limits.ts';
import type { Bound } from '../writes.ts';
import { isAtLimit, LIMIT_WAIT_MS, pauseAtLimit } from './connection-limit.ts';
import { withDeadline } from './deadline.ts';
import { isRefusal, keepsConnection } from './failures.ts';
import { setUpSession } from './postgres-session.ts';

/**
 * How long a transaction waits for a lock before it is tried again behind the others: those that were sent after it on
 * the same connection wait too.
 */
const LOCK_TRY_MS = LOCK_WAIT_MS / 4;

/** How long no other connection is tried after the server refused one. */
const POOL_FULL_MS = 1000;

const POOLED_BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${LOCK_TRY_MS}`;

/** A statement, with the name under which it is prepared. */
export interface Query {
  name: string;
  text: string;
  values: Bound[];
}

interface Open {
  client: pg.Client;
  /** Ours, so that we can cork and destroy it. */
  socket: Socket;
  /** Whether there is a pooler between. */
  ready: Promise<boolean>;
  inFlight: number;
}

/**
 * Turns queries into the messages to send. Through a pooler, a transaction carries its own settings and statements have no
 * name, because the pooler may switch to a connection that has not prepared them.
 */
function toMessages(queries: Query[], isTransaction: boolean, isPooled: boolean): (Query | string)[] {
  const [begin, sent] = isPooled
    ? [POOLED_BEGIN, queries.map(({ text, values }) => ({ text, values }) as Query)]
    : ['BEGIN', queries];
  // Without a pooler, a single statement commits by itself.
  return isTransaction && (isPooled || queries.length > 1) ? [begin, ...sent, 'COMMIT'] : sent;
}

/** @throws the first error, after all answers have come */
function exchange({ client, socket }: Open, queries: (Query | string)[]): Promise<Row[][]> {
  return new Promise((resolve, reject) => {
    const rows: Row[][] = [];
    let failure: unknown;
    // One packet to the server, which then answers all of it in one go.
    socket.cork();
    for (const [index, query] of queries.entries()) {
      client.query(query as pg.QueryConfig, (error: Error | null, result: pg.QueryResult) => {
        failure ??= error;
        rows.push(result?.rows);
        if (index < queries.length - 1) return;
        if (failure) reject(failure);
        else resolve(rows);
      });
    }
    socket.uncork();
  });
}

/**
 * Connections in pg's pipeline mode: what is sent does not wait for the answers to what was sent before. A transaction
 * is sent whole, with its COMMIT; when one of its statements fails, PostgreSQL refuses the others and rolls back.
 */
export class PostgresPipeline {
  readonly #open: Open[] = [];
  readonly #config: pg.ClientConfig;
  readonly #size: number;
  /** Until when no other connection is opened, as `performance.now()` counts. */
  #fullUntil = 0;

  constructor(url: string, size: number) {
    const { url: connectionString, tls = false } = readConnectionUrl(url);
    this.#config = { connectionString, ssl: tls };
    this.#size = size;
  }

  /** The least busy connection; a new one while all are busy and there is room. */
  #pick(): Open {
    let idlest = this.#open[0];
    for (const entry of this.#open) if (idlest && entry.inFlight < idlest.inFlight) idlest = entry;
    const isFull = this.#open.length >= this.#size || performance.now() < this.#fullUntil;
    if (idlest && (idlest.inFlight === 0 || isFull)) return idlest;
    const socket = new Socket();
    const client = new pg.Client({
      ...this.#config,
      connectionTimeoutMillis: DEADLINE_MS,
      application_name: 'latchkey',
      stream: () => socket,
      pipeline: true,
    } as pg.ClientConfig);
    const ready = client.connect().then(() => setUpSession(client, LOCK_TRY_MS));
    const entry: Open = { client, socket, ready, inFlight: 0 };
    const drop = () => this.#drop(entry);
    ready.catch(drop);
    client.on('error', drop);
    client.on('end', drop);
    this.#open.push(entry);
    return entry;
  }

  #drop(entry: Open): void {
    const index = this.#open.indexOf(entry);
    if (index >= 0) this.#open.splice(index, 1);
    entry.socket.destroy();
  }

  /**
   * @param isTransaction whether it does all of the queries or none
   * @returns the rows of each query
   * @throws LatchkeyError unavailable, with an unknown outcome if the transaction was sent and not answered; the error
   *   of a statement when nothing was done
   */
  send(queries: Query[], isTransaction = false, began = performance.now()): Promise<Row[][]> {
    const entry = this.#pick();
    entry.inFlight += 1;
    let isSent = false;
    const toLost = (cause: unknown) => (isSent && isTransaction ? outcomeUnknown(cause) : unavailable(cause));
    const work = entry.ready
      .then((isPooled) => {
        isSent = true;
        return exchange(entry, toMessages(queries, isTransaction, isPooled));
      })
      .catch((error) => {
        if (!isSent && isAtLimit(error)) return this.#sendLater(entry, queries, isTransaction, began, error);
        const isRefused = isRefusal(error);
        if (!isRefused || !keepsConnection(error)) this.#drop(entry);
        throw isRefused ? error : toLost(error);
      })
      .finally(() => {
        entry.inFlight -= 1;
      });
    return withDeadline(work, () => this.#drop(entry), toLost);
  }

  /** The server allows no other connection: what waited for this one is sent on one that is open, or opens soon. */
  async #sendLater(
    refused: Open,
    queries: Query[],
    isTransaction: boolean,
    began: number,
    error: unknown,
  ): Promise<Row[][]> {
    this.#drop(refused);
    this.#fullUntil = performance.now() + POOL_FULL_MS;
    if (performance.now() - began > LIMIT_WAIT_MS) throw unavailable(error);
    if (this.#open.length === 0) await pauseAtLimit();
    return this.send(queries, isTransaction, began);
  }

  /** Keeps one connection: requests that find none would wait for Knex's. */
  shrink(): void {
    this.#fullUntil = performance.now() + POOL_FULL_MS;
    const index = this.#open.length > 1 ? this.#open.findIndex(({ inFlight }) => inFlight === 0) : -1;
    if (index >= 0) for (const { client } of this.#open.splice(index, 1)) client.end().catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ client }) => client.end().catch(() => {})));
  }
}
