import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  type Authorization,
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { arrive, beforeInsertInto, begin, decide, OFFLINE } from '../support/builders/consent.ts';
import { OPERATOR } from '../support/builders/invitation.ts';
import { engines } from '../support/engines.ts';
import { rounds } from '../support/world.ts';

for (const engine of engines)
  describe(`remembered consent on ${engine}`, () => {
    test('offline_access without prompt=consent gives a refresh token, when consent is shown and when it is remembered', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const request = authorization(client, OFFLINE);
      const first = new Browser(server.issuer);
      const page = await arrive(first, request, ada);
      assert.match(await page.clone().text(), /It keeps this access when you are not signed in/);
      const shown = await redeem(
        server,
        client,
        request,
        answerOf(await decide(first, page, 'allow')).get('code'),
      );
      assert.equal(shown.body.scope, 'openid offline_access');

      const later = authorization(client, OFFLINE);
      const second = new Browser(server.issuer);
      const answer = answerOf(await arrive(second, later, ada));
      const remembered = await redeem(server, client, later, answer.get('code'));
      assert.equal(remembered.body.scope, 'openid offline_access');
      for (const browser of [first, second]) browser.cookies.clear();
      for (const { body } of [shown, remembered])
        assert.equal((await refresh(server, client, body.refresh_token)).status, 200);
      const rows = await server.database.knex('T_consents');
      assert.deepEqual(
        rows.map(({ account_id, client_id, scope, claims }) => [account_id, client_id, scope, claims]),
        [[ada.id, client.client_id, 'openid offline_access', '']],
      );
    });

    test('withdrawing it ends the tokens and grants of all sessions, and the user is asked again', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const other = await server.createClient();
      const { browser, tokens } = await signInWith(server, client, ada, OFFLINE);
      const kept = await signInWith(server, other, ada, OFFLINE);
      const filter = { accountId: ada.id, clientId: client.client_id };
      const ended = await server.services.consents.withdraw(OPERATOR, filter);
      assert.deepEqual(ended, [{ username: 'ada', account_id: ada.id, client_id: client.client_id }]);
      assert.deepEqual(await server.services.consents.withdraw(OPERATOR, filter), []);

      const { body } = await call(server, client, '/token/introspection', {
        token: tokens.body.access_token,
      });
      assert.deepEqual(body, { active: false });
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      const silent = authorization(client, { ...OFFLINE, prompt: 'none' });
      assert.equal(answerOf(await browser.get(authorizeUrl(silent))).get('error'), 'consent_required');
      const page = await arrive(browser, authorization(client, OFFLINE), ada);
      assert.match(await page.text(), /to use your account\?/);
      assert.equal((await refresh(server, other, kept.tokens.body.refresh_token)).status, 200);
    });

    test('a request that relies on it asks instead when it is withdrawn at the same moment', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const { knex } = server.database;
      await signInWith(server, client, ada, OFFLINE);
      const signedIn = new Browser(server.issuer);
      await signInWith(server, await server.createClient({ firstParty: true }), ada, {}, signedIn);
      // In a session, and at the end of a sign-in.
      for (const browser of [signedIn, new Browser(server.issuer)]) {
        const hasRun = beforeInsertInto(server, 'T_authorization_codes', () =>
          server.services.consents.withdraw(OPERATOR, { clientId: client.client_id }),
        );
        const page = await arrive(browser, authorization(client, OFFLINE), ada);
        assert.ok(hasRun());
        assert.equal(page.status, 200);
        assert.match(await page.clone().text(), /to use your account\?/);
        const left = { client_id: client.client_id };
        assert.deepEqual(await knex('T_authorization_codes').where(left), []);
        assert.deepEqual(await knex('T_grants').where(left).whereNull('revoked_at'), []);
        assert.ok(answerOf(await decide(browser, page, 'allow')).get('code'), 'and the answer counts');
      }
    });

    test('with prompt=none, the application gets an error instead', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      await signInWith(server, client, ada, OFFLINE);
      const browser = new Browser(server.issuer);
      await signInWith(server, await server.createClient({ firstParty: true }), ada, {}, browser);
      const hasRun = beforeInsertInto(server, 'T_authorization_codes', () =>
        server.services.consents.withdraw(OPERATOR, { accountId: ada.id }),
      );
      const silent = authorization(client, { ...OFFLINE, prompt: 'none' });
      const answer = answerOf(await browser.follow(await browser.get(authorizeUrl(silent))));
      assert.ok(hasRun());
      assert.equal(answer.get('error'), 'consent_required');
    });

    test('whichever of several sign-ins and a withdrawal comes first, no code of before works after it', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const { knex } = server.database;
      const other = await server.createClient({ firstParty: true });
      const browsers = await Promise.all(
        Array.from({ length: 4 }, async () => (await signInWith(server, other, ada)).browser),
      );
      for (let round = 0; round < rounds(3); round += 1) {
        await signInWith(server, client, ada, OFFLINE);
        const requests = browsers.map(() => authorization(client, OFFLINE));
        const [pages] = await Promise.all([
          Promise.all(
            browsers.map((browser, index) => arrive(browser, requests[index] as Authorization, ada)),
          ),
          server.services.consents.withdraw(OPERATOR, { clientId: client.client_id }),
        ]);
        assert.deepEqual(await knex('T_consents'), []);
        for (const [index, page] of pages.entries()) {
          if (!page.headers.has('location')) continue;
          const code = answerOf(page).get('code');
          const { body } = await redeem(server, client, requests[index] as Authorization, code);
          assert.equal(body.error, 'invalid_grant');
        }
        const left = { client_id: client.client_id };
        assert.deepEqual(await knex('T_grants').where(left).whereNull('revoked_at'), []);
      }
    });

    test('consents that are given at the same moment are all accepted, and none is doubled', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const pages = await Promise.all(
        ['profile', 'email', 'openid'].map(async (scope) => {
          const browser = new Browser(server.issuer);
          const page = await arrive(browser, authorization(client, { scope: `openid ${scope}` }), ada);
          return { browser, page };
        }),
      );
      const answers = await Promise.all(pages.map(({ browser, page }) => decide(browser, page, 'allow')));
      for (const answer of answers) assert.ok(answerOf(answer).get('code'));
      assert.equal((await server.database.knex('T_consents')).length, 1);
    });

    test('it ends with its account and with its application', async (t) => {
      const { server, client, ada } = await begin(t, {}, engine);
      const { knex } = server.database;
      const mei = await server.createAccount('mei');
      await signInWith(server, client, ada);
      await signInWith(server, client, mei);
      await server.accounts.delete(OPERATOR, 'mei');
      assert.deepEqual(await knex('T_consents').pluck('account_id'), [ada.id]);
      await knex('T_oauth_clients').where({ client_id: client.client_id }).delete();
      assert.deepEqual(await knex('T_consents'), []);
    });
  });
