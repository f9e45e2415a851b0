import { LatchkeyError } from '../../kit/errors.ts';
import type { Row, Value } from '../writes.ts';
import { type Driver, type Found, retried } from './contract.ts';
import { byTurn } from './group-commit.ts';
import { sizesOf } from './many-rows.ts';
import { memo } from './memo.ts';

/** How many go together at most. */
const READS = 16;

interface Reading {
  sql: string;
  values: Value[];
  resolve(row: Found): void;
  reject(error: unknown): void;
}

/** A SELECT, and what stands for its `?`. */
export interface Select {
  sql: string;
  values: Value[];
}

/** One that reads for several. */
interface Shared extends Select {
  readings: Reading[];
}

/** In each row, whom it is for, where there are several. */
const FOR = 'reading';

const made = new Map<string, string[]>();

/** @returns that SELECT for so many sets of values, the very same string at each call */
function forReadings(sql: string, count: number): string {
  if (count === 1) return sql;
  const texts = memo(made, sql, () => []);
  texts[count] ??= Array.from(
    { length: count },
    (_, index) => `(${sql.replace('SELECT', `SELECT ${index} AS ${FOR},`)})`,
  ).join(' UNION ALL ');
  return texts[count];
}

function shared(group: Reading[]): Shared[] {
  const alike = new Map<string, Reading[]>();
  for (const one of group) memo(alike, one.sql, () => []).push(one);
  return [...alike].flatMap(([sql, waiting]) =>
    sizesOf(waiting.length).map((size) => {
      const readings = waiting.splice(0, size);
      return { sql: forReadings(sql, size), values: readings.flatMap(({ values }) => values), readings };
    }),
  );
}

function answer({ readings }: Shared, rows: Row[] = []): void {
  const found: Row[] = [];
  for (const row of rows) found[Number(row[FOR] ?? 0)] ??= row;
  for (const [index, { resolve }] of readings.entries()) resolve(found[index]);
}

/**
 * What the same SELECT reads in one turn of the event loop is read by one statement: to be told of its columns costs
 * more than a row.
 * @param ask resolves with the rows of each
 * @returns what reads one row, as `Driver.readOne`
 */
export function readInStep(ask: (selects: Select[]) => Promise<Row[][]>): Driver['readOne'] {
  const alone = ({ sql, values, resolve, reject }: Reading) =>
    retried(() => ask([{ sql, values }])).then(([rows]) => resolve(rows?.[0]), reject);

  const read = byTurn<Reading>(READS, async (group) => {
    const selects = shared(group);
    try {
      const answers = await ask(selects);
      for (const [index, one] of selects.entries()) answer(one, answers[index]);
    } catch (error) {
      for (const one of group) {
        if (error instanceof LatchkeyError) one.reject(error);
        // One of them is at fault: each again by itself, so that no other pays for it.
        else alone(one);
      }
    }
  });
  return (sql, values) => new Promise((resolve, reject) => read({ sql, values, resolve, reject }));
}
