import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { toDate } from '../../src/database/instants.ts';
import { MAX_FAILED_ATTEMPTS } from '../../src/identity/lockout-rule.ts';
import { NO_FAILED_ATTEMPTS } from '../../src/identity/passwords/attempt-counters.ts';
import { ALL_FREE, SLOT_MS } from '../../src/identity/passwords/attempt-slots.ts';
import { forgetBrowsers } from '../../src/identity/passwords/trusted-browsers.ts';
import { unavailable } from '../../src/kit/errors.ts';
import { purge } from '../../src/maintenance/purge.ts';
import { openPasswordAttempts, RIGHT } from '../support/builders/password-attempts.ts';
import { engines } from '../support/engines.ts';

const minutesLeft = (until: unknown) => (toDate(until).getTime() - Date.now()) / 60_000;

for (const engine of engines) {
  describe(`failed attempts at a password on ${engine}`, () => {
    test('1,000 at once at two servers: five are verified, then even the right password is refused', async (t) => {
      const { attempt, verified, credential, wait, person, waitForDatabase, forgetAttempts } =
        await openPasswordAttempts(t, engine);
      const all = await Promise.allSettled(Array.from({ length: 1000 }, () => attempt('wrong')));
      const failed = all.filter(({ status }) => status === 'rejected').length;
      await waitForDatabase();
      assert.ok(verified() <= 5, `${verified()} were verified`);
      if (failed === 0) assert.equal(verified(), 5);
      // A busy database answers some attempts with 503. Those count as nothing, and their slots must pass first.
      for (let more = 0; more < 50 && (await credential()).locked_until === null; more += 1) {
        await forgetAttempts();
        await attempt('wrong').catch(waitForDatabase);
      }
      assert.equal((await credential()).failed_login_attempts, 5);
      const left = minutesLeft((await credential()).locked_until);
      assert.ok(left > 14 && left <= 15, String(left));
      const before = verified();
      assert.equal(await attempt(RIGHT), undefined);
      assert.equal(verified(), before);
      assert.ok(before <= 5, `${before} were verified`);
      await wait(15);
      assert.equal(await attempt(RIGHT), person.id);
      const { failed_login_attempts, locked_until } = await credential();
      assert.deepEqual([Number(failed_login_attempts), locked_until], [0, null]);
      t.diagnostic(`${engine}: ${failed} of 1,000 were answered 503`);
    });

    for (const password of [RIGHT, 'wrong'])
      test(`are not counted when an outage or a crash ends the request: a ${password} password`, async (t) => {
        const { attempt, credential, person, hooks, forgetAttempts } = await openPasswordAttempts(t, engine);
        const outage = () => {
          hooks.beforeCommit = () => {
            throw unavailable(new Error('the database went away after the password was verified'));
          };
        };
        for (let times = 0; times < 12; times += 1) {
          hooks.afterVerification = outage;
          await assert.rejects(attempt(password), { kind: 'unavailable' });
          hooks.beforeCommit = () => {};
          if (times % 4 === 3) await forgetAttempts();
        }
        const { failed_login_attempts, locked_until } = await credential();
        assert.deepEqual([Number(failed_login_attempts), locked_until], [0, null]);
        hooks.afterVerification = () => {};
        assert.equal(await attempt(RIGHT), person.id);
      });

    test('are called uncertain after an outage, until the slots of its attempts have passed', async (t) => {
      const { attempt, person, hooks, outageSecondsLeft, credential } = await openPasswordAttempts(t, engine);
      assert.equal(await attempt('wrong'), undefined);
      assert.equal(outageSecondsLeft(), 0);
      hooks.afterVerification = () => {
        hooks.beforeCommit = () => {
          throw unavailable(new Error('the database went away after the password was verified'));
        };
      };
      for (let times = 0; times < 4; times += 1) {
        await assert.rejects(attempt(RIGHT), { kind: 'unavailable' });
        hooks.beforeCommit = () => {};
      }
      hooks.afterVerification = () => {};
      // Of an account and of none alike: the answer does not tell which exist.
      for (const username of [person.username, 'nobody']) {
        assert.equal(await attempt(RIGHT, { username }), undefined);
        assert.ok(outageSecondsLeft() > SLOT_MS / 1000 - 5, username);
      }
      assert.equal(Number((await credential()).failed_login_attempts), 1);
      const now = performance.now.bind(performance);
      const [later, date] = [SLOT_MS + 1, Date.now];
      t.mock.method(performance, 'now', () => now() + later);
      t.mock.method(Date, 'now', () => date() + later);
      assert.equal(outageSecondsLeft(), 0);
      assert.equal(await attempt(RIGHT), person.id);
    });

    test('free their slot when something else ends the request', async (t) => {
      const { attempt, person, credential, world } = await openPasswordAttempts(t, engine);
      const { knex } = world.database;
      for (let times = 0; times < 6; times += 1) {
        const spoil = () => knex('T_credentials').update({ password_hash: `${times}` });
        assert.equal(await attempt(RIGHT, { spoil }), 'password');
      }
      assert.equal(await attempt(RIGHT), person.id);
      await sleep(50);
      assert.equal((await credential()).attempts_under_way, ALL_FREE);
    });

    test('are not counted twice: five under way leave no slot, and their time passes on its own', async (t) => {
      const { attempt, verified, credential, person, hooks } = await openPasswordAttempts(t, engine);
      hooks.afterVerification = () => {
        throw new Error('killed');
      };
      for (let times = 0; times < 5; times += 1) await assert.rejects(attempt('wrong'), /killed/);
      hooks.afterVerification = () => {};
      assert.equal(await attempt(RIGHT), undefined, 'all slots are taken');
      assert.equal(verified(), 0);
      const { failed_login_attempts, attempts_under_way } = await credential();
      assert.equal(Number(failed_login_attempts), 0);
      const times = String(attempts_under_way).match(/\d{13}(?=\.)/g) ?? [];
      assert.equal(times.length, 5);
      for (const time of times) assert.ok(Math.abs(Number(time) - Date.now() - SLOT_MS) < 5000, time);
      const now = Date.now;
      t.mock.method(Date, 'now', () => now() + SLOT_MS + 1);
      assert.equal(await attempt(RIGHT), person.id);
    });

    test('whose slot has passed get no answer', async (t) => {
      const { attempt, credential, hooks } = await openPasswordAttempts(t, engine);
      const now = performance.now.bind(performance);
      hooks.afterVerification = () => {
        t.mock.method(performance, 'now', () => now() + SLOT_MS);
      };
      await assert.rejects(attempt(RIGHT), { kind: 'unavailable' });
      t.mock.restoreAll();
      await assert.rejects(attempt('wrong'), { kind: 'unavailable' });
      assert.equal(Number((await credential()).failed_login_attempts), 0);
    });

    test('lock the account for longer each time, and after 100 in a row until the password is reset', async (t) => {
      const { attempt, verified, credential, wait, world, person } = await openPasswordAttempts(t, engine);
      const locks: number[] = [];
      while (verified() < MAX_FAILED_ATTEMPTS) {
        const before = verified();
        await Promise.all(Array.from({ length: 8 }, () => attempt('wrong')));
        assert.equal(verified(), before + 5);
        const left = Math.round(minutesLeft((await credential()).locked_until));
        locks.push(left);
        if (verified() < MAX_FAILED_ATTEMPTS) await wait(left + 1);
      }
      assert.deepEqual(locks.slice(0, 9), [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
      assert.equal(locks.length, 20);
      assert.ok((locks.at(-1) as number) > 1e9, 'the last lock has no end');
      // A missing end does not unlock it either, for example after a wrong edit of the row.
      await world.database.knex('T_credentials').update({ locked_until: null });
      assert.equal(await attempt(RIGHT), undefined);
      await world.database.knex('T_credentials').update(NO_FAILED_ATTEMPTS);
      assert.equal(await attempt(RIGHT), person.id);
    });

    test('that were not verified are counted in one row, which a purge may delete', async (t) => {
      const { attempt, world } = await openPasswordAttempts(t, engine);
      const { knex } = world.database;
      const refused = async () => (await knex('T_rate_limits')).map(({ points }) => Number(points));
      for (let times = 0; times < 5; times += 1) await attempt('wrong');
      assert.deepEqual(await refused(), []);
      for (let times = 0; times < 3; times += 1) await attempt(RIGHT);
      await Promise.all(Array.from({ length: 4 }, () => attempt('wrong', { username: 'nobody' })));
      assert.deepEqual(await refused(), [7]);
      await knex('T_rate_limits').delete();
      await attempt(RIGHT);
      assert.deepEqual(await refused(), [1]);
    });

    test('are counted in a row: a right password before the fifth starts the count again', async (t) => {
      const { attempt, credential, person } = await openPasswordAttempts(t, engine);
      for (let round = 0; round < 3; round += 1) {
        for (let times = 0; times < 4; times += 1) assert.equal(await attempt('wrong'), undefined);
        assert.equal(await attempt(RIGHT), person.id);
        assert.equal(Number((await credential()).failed_login_attempts), 0);
      }
    });

    test('from elsewhere do not lock a person out of a trusted browser, and a sign-in there does not lift the lock', async (t) => {
      const { attempt, credential, person, world } = await openPasswordAttempts(t, engine);
      assert.equal(await attempt(RIGHT, { browser: 'mine' }), person.id);
      for (let times = 0; times < 7; times += 1) await attempt('wrong');
      assert.equal(await attempt(RIGHT), undefined);
      assert.equal(await attempt(RIGHT, { browser: 'mine' }), person.id);
      assert.equal(Number((await credential()).failed_login_attempts), 5);
      assert.equal(await attempt(RIGHT), undefined);
      // A browser is trusted for one account only.
      await world.createAccount('mei');
      for (let times = 0; times < 5; times += 1) await attempt('wrong', { username: 'mei', browser: 'mine' });
      assert.equal(await attempt(RIGHT, { username: 'mei', browser: 'mine' }), undefined);
      assert.equal(await attempt(RIGHT, { browser: 'mine' }), person.id);
    });

    test('from a trusted browser are counted there: five of 200 at once are verified, and the account stays unlocked', async (t) => {
      const { attempt, verified, person, wait, credential } = await openPasswordAttempts(t, engine);
      await attempt(RIGHT, { browser: 'stolen' });
      const before = verified();
      await Promise.all(Array.from({ length: 200 }, () => attempt('wrong', { browser: 'stolen' })));
      assert.equal(verified() - before, 5);
      assert.equal(await attempt(RIGHT, { browser: 'stolen' }), undefined);
      assert.equal(Number((await credential()).failed_login_attempts), 0);
      await wait(15, 'T_known_browsers');
      assert.equal(await attempt(RIGHT, { browser: 'stolen' }), person.id);
    });

    test('from a browser whose trust was removed or has expired count against the account', async (t) => {
      const { attempt, person, world } = await openPasswordAttempts(t, engine);
      const { knex } = world.database;
      const lock = async () => {
        for (let times = 0; times < 5; times += 1) await attempt('wrong');
      };
      await attempt(RIGHT, { browser: 'old' });
      await attempt(RIGHT, { browser: 'mine' });
      await lock();
      const [old] = await knex('T_known_browsers').orderBy('id');
      await knex('T_known_browsers')
        .where({ id: old.id })
        .update({ expires_at: new Date(Date.now() - 1000) });
      assert.equal(await attempt(RIGHT, { browser: 'old' }), undefined);
      assert.equal(await attempt(RIGHT, { browser: 'mine' }), person.id);
      const table = 'T_known_browsers';
      assert.deepEqual(await purge(world.database, { retention: {}, table }), [{ table, rows: 1 }]);
      await forgetBrowsers(knex, person.id);
      assert.equal(await attempt(RIGHT, { browser: 'mine' }), undefined);
      assert.equal((await knex('T_known_browsers')).length, 0);
    });

    test('cost the same number of commits for an unknown, an unlocked and a locked account', async (t) => {
      const { attempt, durable } = await openPasswordAttempts(t, engine);
      const cost = async (username: string) => {
        const before = durable();
        await attempt('wrong', { username });
        return durable() - before;
      };
      const costs = [await cost('ada'), await cost('nobody')];
      for (let times = 0; times < 5; times += 1) await attempt('wrong');
      assert.deepEqual([...costs, await cost('ada')], [2, 2, 2]);
    });
  });
}
