import { createInterface } from 'node:readline';
import { openDatabase } from '../../src/database/open.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { servicesOn } from './services.ts';

/**
 * A process that redeems invitations. Each line of its input lists redemptions, which it starts at once; it answers with
 * a line of their results: `made`, or the kind of the error. It skips bcrypt, whose queue would keep most of them from
 * reaching the database at the same time. Its first line of output says that it is ready.
 */
interface Redemption {
  code: string;
  username: string;
}
const database = openDatabase(process.argv[2] as string, 20);
const { redeem } = servicesOn(database).invitations;
await database.ping();

/** Redeems an invitation, and again after each 503, as a person would. @returns how it ended */
async function redeemOne(one: Redemption): Promise<string> {
  for (;;) {
    try {
      await redeem({ ...one, name: null, email: null, passwordHash: 'none' });
      return 'made';
    } catch (error) {
      if (!(error instanceof LatchkeyError)) return String(error);
      if (error.kind !== 'unavailable') return error.kind;
    }
  }
}

process.stdout.write('"ready"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const redemptions: Redemption[] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await Promise.all(redemptions.map(redeemOne)))}\n`);
}
await database.close();
