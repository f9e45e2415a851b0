import { createInterface } from 'node:readline';
import { openDatabase } from '../../src/database/open.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { servicesOn } from './services.ts';

/**
 * A process that redeems all that one line of its input names at once, without the wait for bcrypt that would put a
 * queue before the database, and answers with a line of how each ended: `made`, or the code of the error. Its first
 * line says that it is ready.
 */
interface Given {
  code: string;
  username: string;
}
const database = openDatabase(process.argv[2] as string, 20);
const { redeem } = servicesOn(database).invitations;
await database.ping();

/** Tries again when no connection was free in time, as a client does after a 503. */
async function end(one: Given): Promise<string> {
  for (;;) {
    try {
      await redeem({ ...one, name: null, email: null, passwordHash: 'none' });
      return 'made';
    } catch (error) {
      if (error instanceof LatchkeyError) return error.kind;
      if (!/Timeout acquiring/.test(String(error))) return String(error);
    }
  }
}

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const given: Given[] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await Promise.all(given.map(end)))}\n`);
}
await database.close();
