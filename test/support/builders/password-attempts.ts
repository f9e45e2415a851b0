import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../../src/database/open.ts';
import { currentUnit, UnitOfWork, withUnit } from '../../../src/database/unit-of-work.ts';
import { recordSignIn } from '../../../src/identity/accounts/store.ts';
import { ALL_FREE } from '../../../src/identity/passwords/attempt-slots.ts';
import { createAuthentication } from '../../../src/identity/passwords/authenticate.ts';
import type { PasswordHashing } from '../../../src/identity/passwords/hashing.ts';
import { digest } from '../../../src/kit/ids.ts';
import type { EngineName } from '../engines.ts';
import { openWorld } from '../world.ts';

export const RIGHT = 'right';
const VERIFIED = 'test.verified';

/**
 * Attempts at a password through two pools, as two servers have them. The hash is never computed, so that attempts meet
 * in the database and not in the queue before bcrypt. `verified` counts the attempts that were verified, without those whose
 * answer failed afterwards: nobody learned anything from them.
 */
export async function openPasswordAttempts(t: Pick<TestContext, 'after'>, engine: EngineName) {
  const world = await openWorld(t, engine);
  const pools = [openDatabase(world.storage.url, 5), openDatabase(world.storage.url, 5)];
  t.after(() => Promise.all(pools.map((pool) => pool.close())));
  const person = await world.createAccount();
  let verified = 0;
  let durable = 0;
  const hooks = { afterVerification: () => {}, beforeCommit: () => {} };
  const hashing: PasswordHashing = {
    hash: async () => 'hash',
    canVerify: () => true,
    renew: async (_password, stored) => stored,
    async verify(password, stored) {
      const hash = typeof stored === 'function' ? await stored() : stored;
      if (hash !== undefined) {
        verified += 1;
        currentUnit().memory.set(VERIFIED, true);
      }
      hooks.afterVerification();
      return hash !== undefined && password === RIGHT;
    },
  };
  const { signIn, outageSecondsLeft } = createAuthentication({
    hashing,
    recordSignIn,
    limitFailures: (attempt) => attempt(),
  });
  const watched = ({ driver }: Database): Database['driver'] => ({
    ...driver,
    async commit(writes) {
      hooks.beforeCommit();
      const failed = await driver.commit(writes);
      if (failed === undefined) durable += 1;
      return failed;
    },
  });
  const drivers = pools.map(watched);
  let turn = 0;
  return {
    world,
    person,
    verified: () => verified,
    outageSecondsLeft,
    durable: () => durable,
    /** What happens after each verification and before each commit; both may throw. */
    hooks,
    /**
     * One sign-in request, at the two servers in turns.
     * @param options `spoil`: what happens before it is committed
     * @returns the id of the account, or the guard that failed
     */
    async attempt(
      password: string,
      options: { username?: string; browser?: string; spoil?: () => Promise<unknown> } = {},
    ) {
      const unit = new UnitOfWork(drivers[turn++ % drivers.length] as Database['driver']);
      return withUnit(unit, async () => {
        const browserHash = digest(options.browser ?? `stranger ${turn}`);
        const username = options.username ?? person.username;
        try {
          const accountId = await signIn({ username, password, browserHash });
          await options.spoil?.();
          return (await unit.commit()) ?? accountId;
        } catch (error) {
          if (unit.memory.has(VERIFIED)) verified -= 1;
          throw error;
        }
      });
    },
    /** Waits until both servers reach the database, which may be too busy after many attempts at once. */
    async waitForDatabase() {
      const reached = () =>
        Promise.all(pools.map((pool) => pool.ping())).then(
          () => true,
          () => false,
        );
      do await sleep(150);
      while (!(await reached()));
    },
    credential: () => world.database.knex('T_credentials').where({ account_id: person.id }).first(),
    /** Lets the slots of attempts under way pass, as if that much time had. */
    forgetAttempts: () => world.database.knex('T_credentials').update({ attempts_under_way: ALL_FREE }),
    /** Moves the end of the lock, as if that much time had passed. */
    async wait(minutes: number, table = 'T_credentials') {
      const row = await world.database.knex(table).where({ account_id: person.id }).first();
      const until = row.locked_until instanceof Date ? row.locked_until : new Date(`${row.locked_until}Z`);
      await world.database
        .knex(table)
        .where({ account_id: person.id })
        .update({ locked_until: new Date(until.getTime() - minutes * 60_000) });
    },
  };
}
