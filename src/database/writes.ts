import { toText } from './instants.ts';
import type { Engine, Statement, Value } from './statement-builders.ts';

/** A SELECT and its values. */
export interface Reading<Name extends string = string> {
  statement: Statement<Name>;
  values: Record<NoInfer<Name>, Value>;
}

/**
 * A statement that writes. `guard` names what it means when no row is touched (another request used the code or the
 * nonce first): nothing of the unit is then written, and the commit answers with that name.
 */
export interface Write<Name extends string = string> extends Reading<Name> {
  guard?: string;
}

/** A value in the form that the client library of the engine binds. */
export type Bound = string | number | boolean | null;

/** Instants become text in UTC. */
function bind(value: Value, engine: Engine): Bound {
  if (value instanceof Date) return engine === 'postgres' ? `${toText(value)}+00` : toText(value);
  return typeof value === 'boolean' && engine !== 'postgres' ? Number(value) : value;
}

/** @throws TypeError when a value is missing */
export function bindValues({ statement, values }: Reading, engine: Engine): Bound[] {
  return statement.names.map((name) => {
    const value = values[name];
    if (value === undefined) throw new TypeError(`There is no ${name} for: ${statement.sql(engine)}`);
    return bind(value, engine);
  });
}

/**
 * Guarded writes come first: when one of them touches no row, nothing else of the unit has been written yet. Then come
 * updates, in the same order of rows in all units, so that no two units wait for each other in a circle.
 */
export function inOrder(writes: Write[]): Write[] {
  if (writes.length < 2) return writes;
  const ranked = writes.map((write) => {
    const { names, table } = write.statement.updates ?? {};
    const row = names ? `0 ${table} ${names.map((name) => write.values[name])}` : '1';
    return { write, rank: `${write.guard === undefined ? 1 : 0} ${row}` };
  });
  ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank < b.rank ? -1 : 1));
  return ranked.map(({ write }) => write);
}
