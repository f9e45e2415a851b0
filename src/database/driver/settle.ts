import { setTimeout as sleep } from 'node:timers/promises';
import { isOutcomeUnknown, LatchkeyError } from '../../kit/errors.ts';
import { type Statement, selectOne, sql } from '../statement-builders.ts';
import type { Write } from '../writes.ts';
import type { Driver } from './contract.ts';
import { failureOf } from './failures.ts';

/** How long a request waits for the outcome of its commit to become known. */
export const SETTLE_MS = 1000;
const PAUSE_MS = 50;

const SELECT_ROW = new Map<string, Statement<'id'>>();

function selectRow(table: string): Statement<'id'> {
  const known = SELECT_ROW.get(table) ?? selectOne({ columns: 'id', from: table, where: sql`id = ${'id'}` });
  SELECT_ROW.set(table, known);
  return known;
}

/** A row that the unit adds under an id of its own: it is there if, and only if, the unit was committed. */
function findMarker(writes: Write[]): { table: string; id: string } | undefined {
  for (const { statement, values } of writes)
    if (statement.insertsInto && !statement.skipsDuplicates && typeof values.id === 'string')
      return { table: statement.insertsInto, id: values.id };
  return undefined;
}

const isUnavailable = (error: unknown) => error instanceof LatchkeyError && error.kind === 'unavailable';

/**
 * Settles commits whose answer was lost. If the unit's row is not there, the unit is committed again with the same ids:
 * should the first commit still go through, the primary key and the guards refuse one of the two as a whole. So the unit
 * is committed once, and a client that gets its answer need not repeat anything.
 */
export function settled(driver: Driver): Driver {
  async function attempt(
    writes: Write[],
    marker: { table: string; id: string },
  ): Promise<string | undefined> {
    const isThere = async () =>
      (await driver.readOne(selectRow(marker.table), { id: marker.id })) !== undefined;
    if (await isThere()) return undefined;
    try {
      const guard = await driver.commit(writes);
      return guard !== undefined && (await isThere()) ? undefined : guard;
    } catch (error) {
      if (failureOf(error) === 'duplicate' && (await isThere())) return undefined;
      throw error;
    }
  }

  async function settle(writes: Write[], unknown: unknown): Promise<string | undefined> {
    const marker = findMarker(writes);
    if (!marker) throw unknown;
    const until = performance.now() + SETTLE_MS;
    while (performance.now() < until) {
      await sleep(PAUSE_MS);
      try {
        return await attempt(writes, marker);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
      }
    }
    throw unknown;
  }

  /** Waits at most SETTLE_MS, whatever the last attempt is doing. */
  const inTime = (work: Promise<string | undefined>, unknown: unknown) =>
    new Promise<string | undefined>((resolve, reject) => {
      const timer = setTimeout(() => reject(unknown), SETTLE_MS);
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });

  return {
    readOne: (statement, values) => driver.readOne(statement, values),
    commit: (writes) =>
      driver.commit(writes).catch((error) => {
        if (!isOutcomeUnknown(error)) throw error;
        return inTime(settle(writes, error), error);
      }),
    close: () => driver.close(),
  };
}
