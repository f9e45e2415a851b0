import { toText } from './instants.ts';
import type { Engine, Statement, Value } from './statements.ts';

/**
 * A statement and its values. `guard` names what it means when no row is touched (another request used the code or the
 * nonce first): nothing of the unit is then written, and the commit answers with that name.
 */
export interface Write<Name extends string = string> {
  statement: Statement<Name>;
  values: Record<NoInfer<Name>, Value>;
  guard?: string;
}

/** A value in the form that the client library of the engine binds. */
export type Bound = string | number | boolean | null;

/** Instants become text in UTC. */
export function bind(value: Value, engine: Engine): Bound {
  if (value instanceof Date) return engine === 'postgres' ? `${toText(value)}+00` : toText(value);
  return typeof value === 'boolean' && engine !== 'postgres' ? Number(value) : value;
}

/** @throws TypeError when a value is missing */
export function bindValues(
  { statement, values }: Pick<Write, 'statement' | 'values'>,
  engine: Engine,
): Bound[] {
  return statement.names.map((name) => {
    const value = values[name];
    if (value === undefined) throw new TypeError(`There is no ${name} for: ${statement.sql(engine)}`);
    return bind(value, engine);
  });
}

/** Guarded writes come first: when one of them touches no row, nothing else of the unit has been written yet. */
export function inOrder(writes: Write[]): Write[] {
  if (writes.length < 2) return writes;
  const [guarded, free]: [Write[], Write[]] = [[], []];
  for (const write of writes) (write.guard === undefined ? free : guarded).push(write);
  return [...withUpdatesSorted(guarded), ...withUpdatesSorted(free)];
}

const rowOf = ({ statement: { target }, values }: Write) =>
  target && `${target.table} ${target.keys.map((name) => values[name])}`;

/** All units update rows in one order, so that no two wait for each other in a circle. The rest keeps its place. */
function withUpdatesSorted(writes: Write[]): Write[] {
  const updates = writes.flatMap((write) => {
    const row = rowOf(write);
    return row === undefined ? [] : [{ row, write }];
  });
  if (updates.length < 2) return writes;
  updates.sort((a, b) => (a.row < b.row ? -1 : 1));
  let next = 0;
  return writes.map((write) => (write.statement.target ? (updates[next++]?.write ?? write) : write));
}
