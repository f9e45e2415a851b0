import { type Engine, READ_INDEX, type Row } from '../statement-builders.ts';
import type { Reading } from '../writes.ts';
import type { Driver, Found } from './contract.ts';
import { grouped } from './group-commit.ts';
import { inSizes, type Step, toStep } from './steps.ts';

/** How many reads are sent together at most. */
const MAX_BATCH_SIZE = 16;

/**
 * Combines identical SELECTs of one event-loop tick into one query, because the driver's decoding of the column metadata
 * in each response costs more CPU than another row.
 * @param runSteps resolves with the rows of each step
 */
export function batchReads(engine: Engine, runSteps: (steps: Step[]) => Promise<Row[][]>): Driver['readOne'] {
  const readOne = grouped<Reading, Found>({
    size: MAX_BATCH_SIZE,
    async attempt(reads) {
      const byStatement = Map.groupBy(reads, ({ statement }) => statement);
      const batches = [...byStatement.values()].flatMap(inSizes);
      const results = await runSteps(batches.map((batch) => toStep(batch, engine)));
      const found = new Map<Reading, Row>();
      for (const [index, batch] of batches.entries()) {
        for (const row of results[index] ?? []) {
          // A batch of one has no index column (`selectOne` in statement-builders.ts).
          const read = batch[Number(row[READ_INDEX] ?? 0)] as Reading;
          // `readOne` returns the first row.
          if (!found.has(read)) found.set(read, row);
        }
      }
      return reads.map((read) => found.get(read));
    },
  });
  return (statement, values) => readOne({ statement, values });
}
