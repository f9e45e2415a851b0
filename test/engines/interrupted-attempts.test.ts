import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { markAsDatabase } from '../../src/database/driver/failures.ts';
import { createSecondFactor } from '../../src/identity/second-factor/index.ts';
import { createLog } from '../../src/kit/log.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createLimits } from '../../src/web/rate-limits/index.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { codeOf, secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { openWorld, rounds } from '../support/world.ts';

/** The same database, where every transaction fails after its work, as in an outage before COMMIT. */
function withoutCommit(knex: Knex): Knex {
  const transaction = (work: (trx: Knex.Transaction) => Promise<unknown>) =>
    knex.transaction(async (trx) => {
      await work(trx);
      throw markAsDatabase(Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' }));
    });
  return new Proxy(knex, {
    get: (target, name) => (name === 'transaction' ? transaction : Reflect.get(target, name)),
  });
}

for (const engine of engines) {
  describe(`attempts that an outage or a crash ended, on ${engine}`, () => {
    test('do not count as wrong codes of an authenticator app', async (t) => {
      const server = await startServer(t, engine);
      const account = await server.createAccount();
      const { totp } = secondFactorOf(server);
      const secret = await withApp(server, account);
      const { issuer } = server;
      const { totp: interrupted } = createSecondFactor({
        knex: withoutCommit(server.database.knex),
        secrets: createSecrets(SECRETS),
        issuer,
        listSignedKinds: async () => [],
        signOutEverywhere: async () => {},
        assertSignedIn: async () => {},
        notify: () => {},
      });
      for (let times = 0; times < 8; times += 1)
        await assert.rejects(interrupted.verify(account.id, codeOf(secret, 1)), { kind: 'unavailable' });
      assert.equal(Number((await server.database.knex('T_accounts').first()).failed_code_attempts), 0);
      assert.equal(await totp.verify(account.id, codeOf(secret, 1)), true);
    });

    test('in the middle leave the limit as it is: of 200 wrong codes at once, five are counted', async (t) => {
      const server = await startServer(t, engine);
      const account = await server.createAccount();
      const { totp } = secondFactorOf(server);
      await withApp(server, account);
      const all = await Promise.allSettled(
        Array.from({ length: 200 }, () => totp.verify(account.id, '000000')),
      );
      assert.ok(all.every((one) => one.status === 'rejected' || one.value === false));
      assert.ok(Number((await server.database.knex('T_accounts').first()).failed_code_attempts) <= 5);
    });

    test('do not count against their address, and are forgotten after some seconds', async (t) => {
      const world = await openWorld(t, engine);
      const { knex } = world.database;
      const limits = createLimits({ knex, redisUrl: undefined, log: createLog('silent') });
      const attempt = (work: () => Promise<string | undefined>) =>
        limits.signIn.tryAttempt('192.0.2.1', work);
      for (let times = 0; times < 60; times += 1)
        await assert.rejects(
          attempt(async () => {
            throw new Error('503');
          }),
          /503/,
        );
      assert.equal(await attempt(async () => 'ada'), 'ada');
      // As at a server that is killed: these never end.
      for (let times = 0; times < 50; times += 1) {
        const begun = Promise.withResolvers<void>();
        attempt(() => {
          begun.resolve();
          return new Promise(() => {});
        });
        await begun.promise;
      }
      await assert.rejects(
        attempt(async () => 'ada'),
        { kind: 'rate_limited' },
      );
      await knex('T_rate_limits').update({ expires_at: new Date(Date.now() - 1000) });
      assert.equal(await attempt(async () => 'ada'), 'ada');
    });

    test('do not count as wrong passwords: after several kill -9 the right one still opens the account', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start();
      const person = await world.createAccount();
      const client = await world.createClient();
      async function signIn(): Promise<number> {
        const browser = new Browser(server.issuer);
        const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
        const { action, fields } = await formOf(page);
        return (await browser.post(action, { ...fields, username: 'ada', password: person.password })).status;
      }
      for (let round = 0; round < rounds(2); round += 1) {
        const clients = Array.from({ length: 4 }, async () => {
          for (;;) await signIn();
        });
        const ended = Promise.allSettled(clients);
        await sleep(200 + Math.random() * 300);
        await server.kill('SIGKILL');
        await ended;
        await server.restart();
      }
      const { failed_login_attempts, locked_until } = await world.database.knex('T_credentials').first();
      assert.deepEqual([Number(failed_login_attempts), locked_until], [0, null]);
      const began = performance.now();
      while ((await signIn()) !== 303) {
        assert.ok(performance.now() - began < 20_000, 'the slots of dead attempts pass');
        await sleep(500);
      }
    });
  });
}
