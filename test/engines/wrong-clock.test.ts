import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_FAILED_ATTEMPTS } from '../../src/identity/lockout-rule.ts';
import { newSlot } from '../../src/identity/passwords/attempt-slots.ts';
import { codeOf, secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const SECURITY = '/account/security';
/** The end of a lock that was set while the clock of the server said that it was 2039. */
const YEARS_AHEAD = new Date(Date.now() + 12 * 365 * 86_400_000);

for (const engine of engines)
  describe(`what was counted while the clock was years ahead, on ${engine}`, () => {
    test('locks out nobody once the clock is right, but an account that is locked for good stays locked', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const { knex } = server.database;
      const secret = await withApp(server, ada);
      const { totp } = secondFactorOf(server);
      const password = knex('T_credentials').where({ account_id: ada.id });
      await password.clone().update({ failed_login_attempts: 5, locked_until: YEARS_AHEAD });
      const codes = { failed_code_attempts: 5, codes_locked_until: YEARS_AHEAD };
      await knex('T_accounts').where({ id: ada.id }).update(codes);
      // The limits of the address that tried, too.
      await server.services.limits.signIn.tryAttempt('127.0.0.1', async () => undefined);
      await knex('T_rate_limits').update({ points: 100_000, expires_at: YEARS_AHEAD });

      const { page } = await visit(server, { username: ada.username, password: PASSWORD }, SECURITY);
      assert.match(await page.text(), /Enter your code/);
      assert.equal(await totp.verify(ada.id, codeOf(secret, 1)), true);

      const forGood = {
        failed_login_attempts: MAX_FAILED_ATTEMPTS,
        locked_until: new Date('9999-12-31T23:59:59.999Z'),
      };
      await password.clone().update(forGood);
      await knex('T_known_browsers').delete();
      const refused = await visit(server, { username: ada.username, password: PASSWORD }, SECURITY);
      assert.equal(refused.page.status, 401);
    });

    test('keeps no attempt under way once the clock is right: five crashed attempts do not keep their owner out', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const { knex } = server.database;
      const slots = Array.from({ length: 5 }, () => newSlot(YEARS_AHEAD.getTime())).join('');
      const signIn = async () =>
        (await visit(server, { username: ada.username, password: PASSWORD }, SECURITY)).page.status;
      await knex('T_credentials').update({ attempts_under_way: slots });
      assert.equal(await signIn(), 200);
      await knex('T_credentials').update({ attempts_under_way: slots, failed_login_attempts: 4 });
      assert.equal(await signIn(), 200);
      const present = Array.from({ length: 5 }, () => newSlot(Date.now() + 5000)).join('');
      await knex('T_credentials').update({ attempts_under_way: present });
      assert.equal(await signIn(), 401);
    });
  });
