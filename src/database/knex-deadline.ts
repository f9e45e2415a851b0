import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import { LatchkeyError } from '../kit/errors.ts';
import { waitAtLimit } from './driver/connection-limit.ts';
import { withDeadline } from './driver/deadline.ts';
import { isReadOnly, markAsConnecting, markAsDatabase } from './driver/failures.ts';

interface Connection {
  /** mysql2. Ends at once. */
  destroy?(): void;
  /** pg. Ends at once while a statement is under way. */
  end(): unknown;
  /** Set, Knex does not use the connection again. */
  __knex__disposed?: unknown;
  /** It was closed because a statement missed its deadline. */
  isGivenUp?: boolean;
  /** When it last answered, as `performance.now()` counts. */
  answeredAt?: number;
}

interface Query {
  sql: string;
}

type Dialect = new (
  config: unknown,
) => {
  acquireConnection(): Promise<unknown>;
  _query(connection: Connection, query: Query): Promise<unknown>;
  validateConnection(connection: Connection): boolean;
};

function throwMarked(error: unknown): never {
  throw markAsDatabase(error);
}

const patience = new AsyncLocalStorage<boolean>();

/** Runs `work`, such as a migration or a report, whose statements may take longer than the deadline of a request. */
export function withoutDeadline<T>(work: () => PromiseLike<T>): Promise<T> {
  // Awaited inside: a query of Knex begins only then.
  return patience.run(true, async () => await work());
}

/**
 * Knex's dialect for PostgreSQL or MySQL. Each statement has the driver's deadline, so that a server that does not
 * answer cannot hold requests. If a statement misses the deadline, its connection is closed.
 * @param onLimit called while the server allows no other connection
 */
export function dialectWithDeadline(name: 'postgres' | 'mysql2', onLimit?: () => void): typeof Knex.Client {
  const require = createRequire(import.meta.url);
  const Base: Dialect = require(`knex/lib/dialects/${name}/index.js`);
  if (typeof Base.prototype._query !== 'function')
    throw new Error(`This version of Knex sends statements in another way. Look at ${import.meta.filename}.`);
  /** When the server last did not answer in time, or took no writes. */
  let lostAt = 0;
  return class extends Base {
    /** Rejects a connection that was idle at that time: it may be dead without notice, or lead to the former primary. */
    override validateConnection(connection: Connection): boolean {
      return super.validateConnection(connection) && (connection.answeredAt ?? lostAt) >= lostAt;
    }

    override acquireConnection(): Promise<unknown> {
      return waitAtLimit(() => super.acquireConnection(), onLimit).catch((error) => {
        throw markAsConnecting(error);
      });
    }

    override _query(connection: Connection, query: Query): Promise<unknown> {
      // A pooler may give the transaction a connection with other settings than ours.
      if (name === 'postgres' && query.sql === 'BEGIN;') query.sql = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
      // The server rolls back when a connection is closed. Knex would report that this one is closed, and not why.
      if (connection.isGivenUp && query.sql === 'ROLLBACK') return Promise.resolve(query);
      const work = super
        ._query(connection, query)
        .finally(() => {
          connection.answeredAt = performance.now();
        })
        .catch((error) => {
          if (isReadOnly(error)) {
            lostAt = performance.now();
            connection.__knex__disposed = error;
          }
          throw error;
        });
      if (patience.getStore()) return work.catch(throwMarked);
      return withDeadline(work, () => {
        lostAt = performance.now();
        connection.__knex__disposed = true;
        connection.isGivenUp = true;
        if (connection.destroy) connection.destroy();
        else connection.end();
      }).catch((error) => {
        // Knex puts the statement before the message of an error: not before one that people will read.
        throwMarked(error instanceof LatchkeyError ? error.cause : error);
      });
    }
  } as unknown as typeof Knex.Client;
}
