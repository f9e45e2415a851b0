import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { beforeInsertInto } from '../support/builders/consent.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

/** Ends everything of an account in one transaction. */
type Change = (server: TestServer, account: { id: string; username: string }) => Promise<unknown>;
const SIGN_OUT: Change = (server, { id }) =>
  server.database.knex.transaction((trx) => server.services.signOutEverywhere(trx, id));
const RESET: Change = async (server, { username }) => {
  const owner = await openLink(server, await resetLink(server, `${username}@harbour.example`));
  await send(owner.browser, owner.page, { password: NEW_PASSWORD });
};
const CHANGES = { 'its owner signs out everywhere': SIGN_OUT, 'its address is confirmed by a reset': RESET };

async function begin(t: Parameters<typeof startServer>[0], engine: EngineName) {
  const server = await startServer(t, engine);
  const client = await server.createClient({ firstParty: true });
  return { server, client, ada: await server.createAccount() };
}

for (const engine of engines) {
  for (const [what, change] of Object.entries(CHANGES))
    describe(`when ${what} during a request, on ${engine}`, () => {
      test('a sign-in that is about to start a session starts none', async (t) => {
        const { server, ada } = await begin(t, engine);
        const browser = new Browser(server.issuer);
        const { action, fields } = await formOf(await browser.follow(await browser.get(SECURITY)));
        const hasRun = beforeInsertInto(server, 'T_user_sessions', () => change(server, ada));
        const { username, password } = ada;
        const end = await browser.follow(await browser.post(action, { ...fields, username, password }));
        assert.ok(hasRun());
        assert.equal(end.status, 409);
        const html = await end.text();
        assert.match(html, /You were not signed in/);
        assert.match(html, /<a class="btn primary" href="\/">Go to the home page</);
        assert.equal((await browser.get(SECURITY)).status, 303);
        assert.equal((await server.database.knex('T_user_sessions').where({ is_active: true })).length, 0);
      });

      test('a session that is about to get a code gets none', async (t) => {
        const { server, client, ada } = await begin(t, engine);
        const scope = 'openid offline_access';
        const { browser } = await signInWith(server, client, ada, { scope });
        const request = authorization(client, { scope, prompt: 'consent' });
        const page = await browser.follow(await browser.get(authorizeUrl(request)));
        const { action, fields } = await formOf(page);
        const hasRun = beforeInsertInto(server, 'T_authorization_codes', () => change(server, ada));
        const end = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
        assert.ok(hasRun());
        assert.equal(end.status, 409);
        assert.match(await end.text(), /<a class="btn primary" href="https:[^"]+">Start again at /);
        assert.equal(
          (await server.database.knex('T_authorization_codes').where({ account_id: ada.id })).length,
          0,
        );
      });

      test('a session that gets a code without a question gets none', async (t) => {
        const { server, client, ada } = await begin(t, engine);
        const { browser } = await signInWith(server, client, ada, { scope: 'openid' });
        const request = authorization(client, { scope: 'openid' });
        const hasRun = beforeInsertInto(server, 'T_authorization_codes', () => change(server, ada));
        const end = await browser.get(authorizeUrl(request));
        assert.ok(hasRun());
        assert.equal(end.status, 409);
        assert.match(await end.text(), /<a class="btn primary" href="https:[^"]+">Start again at /);
        assert.equal(
          (await server.database.knex('T_authorization_codes').where({ account_id: ada.id })).length,
          0,
        );
      });

      test('an application that asks without a page learns that nobody is signed in', async (t) => {
        const { server, client, ada } = await begin(t, engine);
        const { browser } = await signInWith(server, client, ada, { scope: 'openid' });
        const request = authorization(client, { scope: 'openid', prompt: 'none' });
        const hasRun = beforeInsertInto(server, 'T_authorization_codes', () => change(server, ada));
        const answer = answerOf(await browser.get(authorizeUrl(request)));
        assert.ok(hasRun());
        assert.deepEqual([answer.get('error'), answer.get('code')], ['login_required', null]);
        assert.equal(answer.get('state'), request.params.state);
      });

      test('a code and a refresh token that are about to be used give no tokens', async (t) => {
        const { server, client, ada } = await begin(t, engine);
        const asked = { scope: 'openid offline_access', prompt: 'consent' };
        const { browser, tokens } = await signInWith(server, client, ada, asked);
        const later = await signInWith(server, client, ada, { scope: 'openid' }, browser);
        assert.equal(later.tokens.status, 200);
        let hasRun = beforeInsertInto(server, 'T_refresh_tokens', () => change(server, ada));
        const refreshed = await refresh(server, client, tokens.body.refresh_token);
        assert.ok(hasRun());
        assert.equal(refreshed.body.error, 'invalid_grant');

        const request = authorization(client, { scope: 'openid' });
        const again = new Browser(server.issuer);
        const password = change === RESET ? NEW_PASSWORD : ada.password;
        const { answer } = await signInWith(server, client, { ...ada, password }, {}, again);
        assert.ok(answer.get('code'));
        const code = answerOf(await again.get(authorizeUrl(request))).get('code');
        hasRun = beforeInsertInto(server, 'T_access_tokens', async () =>
          CHANGES['its owner signs out everywhere']?.(server, ada),
        );
        const redeemed = await redeem(server, client, request, code);
        assert.ok(hasRun());
        assert.equal(redeemed.body.error, 'invalid_grant');
      });
    });

  test(`a sign-in with the old password that is about to begin leads nowhere after a reset, on ${engine}`, async (t) => {
    const { server, ada } = await begin(t, engine);
    const browser = new Browser(server.issuer);
    const { action, fields } = await formOf(await browser.follow(await browser.get(SECURITY)));
    const hasRun = beforeInsertInto(server, 'T_authorization_requests', () => RESET(server, ada));
    const { username, password } = ada;
    const answer = await browser.post(action, { ...fields, username, password });
    assert.ok(hasRun());
    assert.equal(answer.status, 409);
    const [, again = ''] = /<a class="btn primary" href="([^"]+)">Sign in</.exec(await answer.text()) ?? [];
    assert.match(await (await browser.get(again)).text(), /name="password"/);
    assert.equal((await browser.get(SECURITY)).status, 303);
  });
}
