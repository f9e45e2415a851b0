import type { Database } from '../../src/database/open.ts';
import { rollBack } from '../../src/database/rollback.ts';

/** Undoes every migration. @returns their names, the latest first */
export async function rollBackAll(database: Database, url: string): Promise<string[]> {
  const undone: string[] = [];
  for (;;) {
    const name = await rollBack(database, url);
    if (name === undefined) return undone;
    undone.push(name);
  }
}
