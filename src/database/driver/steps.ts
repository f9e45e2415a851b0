import type { Engine, Statement } from '../statements.ts';
import { type Bound, bindValues, inOrder, type Write } from '../writes.ts';

/** A statement to send, with so many sets of values in a row. */
export interface Step {
  statement: Statement;
  times: number;
  values: Bound[];
  guard?: string;
}

/** Only so many rows or readings share a statement, so that few texts need to be prepared. */
const SIZES = [8, 4, 2, 1];

/** Cuts what uses one statement into parts of those sizes, the largest first. */
export function inSizes<T>(all: T[]): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < all.length; from += parts.at(-1)?.length ?? 1) {
    const size = SIZES.find((one) => one <= all.length - from);
    parts.push(all.slice(from, from + (size ?? 1)));
  }
  return parts;
}

/** @param part uses one statement throughout */
export function toStep(part: Pick<Write, 'statement' | 'values' | 'guard'>[], engine: Engine): Step {
  const [first] = part as [Write];
  const values = part.flatMap((one) => bindValues(one, engine));
  return { statement: first.statement, times: part.length, values, guard: first.guard };
}

/** The writes of several units. Rows that use the same INSERT are added together, in the place of the first. */
export function stepsOf(writes: Write[], engine: Engine): Step[] {
  const groups: Write[][] = [];
  const inserts = new Map<Statement, Write[]>();
  for (const write of inOrder(writes)) {
    const { statement, guard } = write;
    const canJoin = statement.kind === 'insert' && guard === undefined && !statement.skipsDuplicates;
    const group = canJoin ? inserts.get(statement) : undefined;
    if (group) {
      group.push(write);
      continue;
    }
    groups.push([write]);
    if (canJoin) inserts.set(statement, groups.at(-1) as Write[]);
  }
  return groups.flatMap((group) => inSizes(group).map((part) => toStep(part, engine)));
}
