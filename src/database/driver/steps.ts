import type { Engine, Statement } from '../statement-builders.ts';
import { type Bound, bindValues, inOrder, type Reading, type Write } from '../writes.ts';

/** A statement to send, and the number of sets of values that it takes. */
export interface Step {
  statement: Statement;
  times: number;
  values: Bound[];
  guard?: string;
}

/** The numbers of rows or reads that can share a statement: few, so that few statements need to be prepared. */
const BATCH_SIZES = [8, 4, 2, 1];

/** Cuts what uses one statement into parts of those sizes, the largest first. */
export function inSizes<T>(all: T[]): T[][] {
  const size = BATCH_SIZES.find((one) => one <= all.length);
  return size === undefined ? [] : [all.slice(0, size), ...inSizes(all.slice(size))];
}

/** @param part uses one statement throughout */
export function toStep(part: (Reading & Partial<Write>)[], engine: Engine): Step {
  const [{ statement, guard }] = part as [Write];
  return { statement, times: part.length, values: part.flatMap((one) => bindValues(one, engine)), guard };
}

/** The writes of several units. Rows that use the same INSERT are added together, in the place of the first. */
export function stepsOf(writes: Write[], engine: Engine): Step[] {
  const groups = new Map<Statement | Write, Write[]>();
  for (const write of inOrder(writes)) {
    const { statement, guard } = write;
    const canJoin = statement.kind === 'insert' && guard === undefined && !statement.skipsDuplicates;
    const key = canJoin ? statement : write;
    const group = groups.get(key);
    if (group) group.push(write);
    else groups.set(key, [write]);
  }
  return [...groups.values()].flatMap(inSizes).map((part) => toStep(part, engine));
}
