import { type Engine, READING, type Row } from '../statements.ts';
import type { Reading } from '../writes.ts';
import type { Driver, Found } from './contract.ts';
import { grouped } from './group-commit.ts';
import { inSizes, type Step, toStep } from './steps.ts';

/** How many readings are sent together at most. */
const SIZE = 16;

/**
 * Readings of the same SELECT in one turn of the event loop become one query, because the column metadata that comes
 * with each answer costs more CPU than another row.
 * @param ask resolves with the rows of each step
 */
export function batchReads(engine: Engine, ask: (steps: Step[]) => Promise<Row[][]>): Driver['readOne'] {
  const readOne = grouped<Reading, Found>({
    size: SIZE,
    async attempt(readings) {
      const alike = Map.groupBy(readings, ({ statement }) => statement);
      const parts = [...alike.values()].flatMap(inSizes);
      const answers = await ask(parts.map((part) => toStep(part, engine)));
      const found = new Map<Reading, Row>();
      for (const [index, part] of parts.entries()) {
        for (const row of answers[index] ?? []) {
          const reading = part[Number(row[READING] ?? 0)] as Reading;
          if (!found.has(reading)) found.set(reading, row);
        }
      }
      return readings.map((reading) => found.get(reading));
    },
  });
  return (statement, values) => readOne({ statement, values });
}
