import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest, uuidv7 } from '../../src/kit/ids.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { NEW_PASSWORD } from '../support/builders/password-reset.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

type Person = Awaited<ReturnType<TestServer['createAccount']>>;

/** Keeps signing in with the old password, and answers each page at once. */
async function signIn(server: TestServer, { username, password }: Person): Promise<number> {
  const browser = new Browser(server.issuer);
  const { action, fields } = await formOf(await browser.follow(await browser.get('/account/security')));
  return (await browser.follow(await browser.post(action, { ...fields, username, password }))).status;
}

/** A link in a mail, without the mail. @returns its token */
async function resetToken(server: TestServer, { id, email }: Person): Promise<string> {
  const token = uuidv7();
  await server.database.knex('T_account_links').insert({
    id: uuidv7(),
    created_at: new Date(),
    account_id: id,
    purpose: 'reset_password',
    token_hash: digest(token),
    email,
    expires_at: new Date(Date.now() + 3_600_000),
  });
  return token;
}

for (const engine of engines)
  test(`nothing survives a reset while somebody goes on signing in, on ${engine}`, async (t) => {
    const server = await startServer(t, engine);
    const client = await server.createClient({ firstParty: true });
    for (let round = 0; round < rounds(4); round += 1) {
      await server.database.knex('T_rate_limits').delete();
      const ada = await server.createAccount(`ada${round}`);
      const { browser } = await signInWith(server, client, ada, { scope: 'openid' });
      const token = await resetToken(server, ada);
      const statuses = new Set<number>();
      let isOver = false;
      const repeat = async (attempt: () => Promise<number>) => {
        while (!isOver) statuses.add(await attempt());
      };
      const silent = async () =>
        (await browser.get(authorizeUrl(authorization(client, { scope: 'openid' })))).status;
      const attackers = [1, 2, 3].map(() => repeat(() => signIn(server, ada)));
      attackers.push(repeat(silent), repeat(silent));
      await new Promise((resolve) => setTimeout(resolve, 40));
      await server.recovery.resetPassword(token, NEW_PASSWORD);
      isOver = true;
      await Promise.all(attackers);
      const { knex } = server.database;
      const owned = { account_id: ada.id };
      const left = {
        sessions: (await knex('T_user_sessions').where({ ...owned, is_active: true })).length,
        codes: (await knex('T_authorization_codes').where(owned)).length,
        browsers: (await knex('T_known_browsers').where(owned)).length,
      };
      assert.deepEqual(left, { sessions: 0, codes: 0, browsers: 0 });
      assert.ok(
        [...statuses].every((status) => status < 500),
        [...statuses].join(),
      );
    }
  });
