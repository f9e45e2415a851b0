import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  signInWith,
} from '../support/builders/authorization.ts';
import { beforeInsertInto } from '../support/builders/consent.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SESSIONS = '/account/sessions';

/** The same cookies, sent to another server of the same issuer. */
function atServer(browser: Browser, server: TestServer): Browser {
  const other = new Browser(`http://127.0.0.1:${server.config.port}`, server.issuer);
  for (const [key, cookie] of browser.cookies) other.cookies.set(key, cookie);
  return other;
}

async function endOthers(browser: Browser): Promise<void> {
  const html = await (await browser.get(SESSIONS)).text();
  const csrf = String(/name="csrf" value="([^"]+)"/.exec(html)?.[1]);
  assert.equal((await browser.post(`${SESSIONS}/end`, { csrf, session: 'others' })).status, 303);
}

for (const engine of engines) {
  describe(`a session that was ended at one server, on ${engine}`, () => {
    test('opens nothing at another one, from the next request on', async (t) => {
      const first = await startServer(t, engine);
      const second = await startServer(t, engine, {
        storage: first.storage,
        config: { issuer: first.issuer },
      });
      const client = await first.createClient({ firstParty: true });
      const ada = await first.createAccount();
      const ended = await signInWith(first, client, ada);
      const elsewhere = atServer(ended.browser, second);
      assert.equal((await elsewhere.get(SESSIONS)).status, 200, 'the second server knows the session');
      const me = async () =>
        (
          await fetch(`http://127.0.0.1:${second.config.port}/me`, {
            headers: { authorization: `Bearer ${ended.tokens.body.access_token}` },
          })
        ).status;
      assert.equal(await me(), 200);

      const { browser } = await visit(first, ada, SESSIONS);
      await endOthers(browser);
      assert.equal((await elsewhere.get(SESSIONS)).status, 303, 'it has to sign in');
      const silent = await elsewhere.get(authorizeUrl(authorization(client, { prompt: 'none' })));
      assert.equal(answerOf(silent).get('error'), 'login_required');
      assert.equal(await me(), 401);
      assert.equal((await browser.get(SESSIONS)).status, 200);
    });

    test('gives no token for a code that was issued at the same moment', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const ada = await server.createAccount();
      const { browser } = await signInWith(server, client, ada);
      const request = authorization(client, { prompt: 'none' });
      const endAll = () => server.services.sessions.endAll({ accountId: null }, ada.id);
      const hasRun = beforeInsertInto(server, 'T_authorization_codes', endAll);
      const answer = await browser.get(authorizeUrl(request));
      assert.ok(hasRun());
      assert.equal(answerOf(answer).get('error'), 'login_required');

      const again = await signInWith(server, client, ada);
      const late = authorization(client, { prompt: 'none' });
      const code = answerOf(await again.browser.get(authorizeUrl(late))).get('code');
      await endAll();
      assert.equal((await redeem(server, client, late, code)).status, 400);
    });

    test('is ended once, by whichever of two requests comes first', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      await visit(server, ada, SESSIONS);
      const { sessions } = server.services;
      const [listed] = await sessions.list(ada.id);
      const attempts = await Promise.allSettled(
        Array.from({ length: 5 }, () => sessions.end({ accountId: null }, ada.id, String(listed?.id))),
      );
      assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
      const events = await server.database.knex('T_auth_audit_log').where({ action: 'session.ended' });
      assert.equal(events.length, 1);
    });
  });
}
