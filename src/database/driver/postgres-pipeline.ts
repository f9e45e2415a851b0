import pg from 'pg';
import { unavailable } from '../../kit/errors.ts';
import type { Bound, Row } from '../writes.ts';
import { DEADLINE_MS, LOCK_WAIT_MS, withDeadline } from './contract.ts';

/** What waits for a lock gives way after so long, and comes again: those behind it on the connection wait too. */
const LOCK_TRY_MS = LOCK_WAIT_MS / 4;

/** A statement under the name that it is prepared by. */
export interface Named {
  name: string;
  text: string;
}

export interface Asked {
  statement: Named;
  values: Bound[];
}

/** Of the driver's connection, what its own queries use. */
interface Wire {
  stream: { cork(): void; uncork(): void; destroy(): void };
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
  parse(statement: Named): void;
  bind(portal: { statement: string; values: Bound[]; valueMapper: (value: Bound) => string | null }): void;
  describe(portal: { type: 'P' }): void;
  execute(portal: object): void;
  sync(): void;
}

interface Open {
  client: pg.Client;
  wire: Wire;
  ready: Promise<unknown>;
  connected: boolean;
  inFlight: number;
}

type Done = (error: unknown, result: pg.QueryResult | pg.QueryResult[]) => void;

const toWire = (value: Bound) => value?.toString() ?? null;

/** Has the server parse and plan a statement, once for a connection. The driver notes what became of it. */
class Preparation extends pg.Query {
  readonly #statement: Named;

  constructor(statement: Named, callback: (error: unknown) => void) {
    super(statement.text);
    this.#statement = statement;
    // The driver reads both.
    Object.assign(this, { name: statement.name, callback });
  }

  override submit = (connection: pg.Connection): void => {
    const wire = connection as unknown as Wire;
    wire.parse(this.#statement);
    wire.submittedNamedStatements[this.#statement.name] = this.#statement.text;
    wire.sync();
  };
}

/**
 * Several prepared statements before one Sync: to PostgreSQL one transaction, all of it or nothing, and to both sides
 * one message ("Pipelining" in its protocol's Message Flow).
 */
class Batch extends pg.Query {
  readonly #asked: Asked[];

  constructor(asked: Asked[], callback: Done) {
    super('');
    this.#asked = asked;
    Object.assign(this, { callback });
  }

  override submit = (connection: pg.Connection): void => {
    const wire = connection as unknown as Wire;
    for (const { statement, values } of this.#asked) {
      wire.bind({ statement: statement.name, values, valueMapper: toWire });
      wire.describe({ type: 'P' });
      wire.execute({});
    }
    wire.sync();
  };
}

/**
 * What PostgreSQL refused, with a SQLSTATE, was not done. Of all else nobody knows: an answer that is lost or garbled may
 * have said yes.
 */
const isRefusal = (error: unknown) => error instanceof pg.DatabaseError && error.code !== undefined;

function exchange({ client, wire }: Open, asked: Asked[]): Promise<Row[][]> {
  return new Promise((resolve, reject) => {
    let unprepared: unknown;
    wire.stream.cork();
    for (const { statement } of asked) {
      const { name } = statement;
      if (wire.parsedStatements[name] ?? wire.submittedNamedStatements[name]) continue;
      client.query(
        new Preparation(statement, (error) => {
          unprepared ??= error;
        }),
      );
    }
    client.query(
      new Batch(asked, (error, results) => {
        if (error) reject(unprepared ?? error);
        else resolve([results].flat().map(({ rows }) => rows));
      }),
    );
    wire.stream.uncork();
  });
}

/** Pipelined: what is sent waits for no answer to what was sent before. */
export class Connections {
  readonly #open: Open[] = [];
  readonly #url: string;
  readonly #size: number;

  constructor(url: string, size: number) {
    this.#url = url;
    this.#size = size;
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
    const ready = client.connect().then(() => client.query(`SET lock_timeout = ${LOCK_TRY_MS}`));
    const { connection: wire } = client as unknown as { connection: Wire };
    const entry: Open = { client, wire, ready, connected: false, inFlight: 0 };
    const drop = () => this.#drop(entry);
    entry.ready.then(() => {
      entry.connected = true;
    }, drop);
    client.on('error', drop);
    client.on('end', drop);
    this.#open.push(entry);
    return entry;
  }

  #drop(entry: Open): void {
    const index = this.#open.indexOf(entry);
    if (index >= 0) this.#open.splice(index, 1);
    entry.wire.stream.destroy();
  }

  /**
   * All of those statements in one transaction, or none.
   * @returns the rows of each
   * @throws LatchkeyError unavailable when nobody knows whether it was done; the error of a statement, when it was not
   */
  send(asked: Asked[]): Promise<Row[][]> {
    const entry = this.#pick();
    entry.inFlight += 1;
    const answered = entry.connected
      ? exchange(entry, asked)
      : entry.ready.then(() => exchange(entry, asked));
    const work = answered
      .catch((error) => {
        if (isRefusal(error)) throw error;
        this.#drop(entry);
        throw unavailable(error);
      })
      .finally(() => {
        entry.inFlight -= 1;
      });
    return withDeadline(work, () => this.#drop(entry));
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ client }) => client.end().catch(() => {})));
  }
}
