import { createInterface } from 'node:readline';
import { openDatabase } from '../../src/database/open.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { servicesOn } from './services.ts';

/**
 * A process that redeems invitations. Each line of its input names a database and lists redemptions, which it starts at
 * once; it answers with a line of their results: `made`, or the kind of the error. It skips bcrypt, whose queue would keep most of them from
 * reaching the database at the same time. Its first line of output says that it is ready.
 */
interface Redemption {
  code: string;
  username: string;
}
interface Order {
  url: string;
  redemptions: Redemption[];
}

type Redeem = ReturnType<typeof servicesOn>['invitations']['redeem'];

/** Redeems an invitation, and again after each 503, as a person would. @returns how it ended */
async function redeemOne(redeem: Redeem, one: Redemption): Promise<string> {
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
  const { url, redemptions }: Order = JSON.parse(line);
  const database = openDatabase(url, 20);
  const { redeem } = servicesOn(database).invitations;
  await database.ping();
  const results = await Promise.all(redemptions.map((one) => redeemOne(redeem, one)));
  await database.close();
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
