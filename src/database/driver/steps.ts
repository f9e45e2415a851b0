import { type Bound, type Engine, guardedFirst, toStatement, type Write } from '../writes.ts';
import { sizesOf } from './many-rows.ts';

/** One statement to run: a guarded write, or the free ones of several units that are alike. */
export interface Step {
  sql: string;
  values: Bound[];
  rows: number;
  guard?: string;
}

function inSizes({ sql, values, rows, guard }: Step): Step[] {
  const width = values.length / rows;
  let from = 0;
  return sizesOf(rows).map((size) => {
    const part = values.slice(from * width, (from + size) * width);
    from += size;
    return { sql, values: part, rows: size, guard };
  });
}

/** The writes of several units: rows for one table go there together, where the first of them stood. */
export function stepsOf(writes: Write[], engine: Engine): Step[] {
  const steps: Step[] = [];
  const inserts = new Map<string, Step>();
  for (const write of guardedFirst(writes)) {
    const { sql, values } = toStatement(write, engine);
    const { guard } = write;
    const alike = guard === undefined ? inserts.get(sql) : undefined;
    if (alike) {
      alike.rows += 1;
      for (const value of values) alike.values.push(value);
      continue;
    }
    const step = { sql, values, rows: 1, guard };
    steps.push(step);
    if (write.kind === 'insert' && guard === undefined && !write.ignore) inserts.set(sql, step);
  }
  return steps.flatMap((step) => (step.rows === 1 ? step : inSizes(step)));
}
