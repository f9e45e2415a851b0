import type { Row, Statement, Value } from '../statement-builders.ts';
import type { Write } from '../writes.ts';

/** The first row that a SELECT finds. */
export type Found = Row | undefined;

/**
 * How requests reach the database: prepared statements without a query builder. What requests ask for in the same turn
 * of the event loop is sent together. Both calls reject with LatchkeyError `unavailable` when a server does not answer
 * within DEADLINE_MS.
 */
export interface Driver {
  readOne<Name extends string>(
    statement: Statement<Name>,
    values: Record<NoInfer<Name>, Value>,
  ): Promise<Found>;
  /**
   * Writes all or nothing, durable when it resolves.
   * @returns the guard that touched no row (then nothing was written), or undefined
   */
  commit(writes: Write[]): Promise<string | undefined>;
  /** Ends a connection that is not needed now, where the server allows fewer than all pools together would open. */
  shrink?(): void;
  close(): Promise<void>;
}
