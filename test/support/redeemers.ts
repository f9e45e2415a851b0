import { setTimeout as sleep } from 'node:timers/promises';
import { createRedemption } from '../../src/identity/invitations/redeem.ts';
import { createInvitations } from '../../src/identity/invitations/service.ts';
import { openDatabase } from '../../src/kit/database.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { covers } from '../../src/oidc/scopes.ts';

/**
 * A process that redeems all it is given at one instant, without the wait for bcrypt that would put a queue before
 * the database. Prints how each ended: `made`, or the code of the error.
 */
const { url, at, given } = JSON.parse(process.argv[2] as string) as {
  url: string;
  at: number;
  given: { code: string; username: string }[];
};
const database = openDatabase(url, 20);
const deps = { knex: database.knex, issuer: 'http://127.0.0.1', covers };
const { redeem } = createRedemption({ ...deps, ...createInvitations(deps) });
await database.ping();
await sleep(at - Date.now());

/** Who finds no connection free in time comes again, as after a 503. */
async function end(one: { code: string; username: string }): Promise<string> {
  for (;;) {
    try {
      await redeem({ ...one, name: null, email: null, passwordHash: 'none' });
      return 'made';
    } catch (error) {
      if (error instanceof LatchkeyError) return error.code;
      if (!/Timeout acquiring/.test(String(error))) return String(error);
    }
  }
}

const ends = await Promise.all(given.map(end));
process.stdout.write(`\n${JSON.stringify(ends)}\n`);
await database.close();
