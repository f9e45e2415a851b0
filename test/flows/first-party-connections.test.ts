import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import { arrive, arriveInNewBrowser, decide, isAsked } from '../support/builders/consent.ts';
import { CALENDARS, callerOf, problemOf, startWithGoogle } from '../support/builders/proxied-calls.ts';
import { connectGoogle } from '../support/upstream/connected.ts';

const SCOPE = 'openid profile connections:google.read';
const GRANTED = 'openid https://www.googleapis.com/auth/calendar.readonly';

test('a first-party application is asked about connected accounts, and what was withdrawn stays so', async (t) => {
  const { server, google } = await startWithGoogle(t, 'sqlite');
  const client = await server.createClient({ scope: SCOPE, firstParty: true });
  const ada = await server.createAccount('ada', SCOPE);
  await connectGoogle(server.services.connections, google, ada, { scope: GRANTED });
  assert.equal(await isAsked(server, client, ada, { scope: 'openid profile' }), false);

  const browser = new Browser(server.issuer);
  const request = authorization(client, { scope: SCOPE });
  const page = await arrive(browser, request, ada);
  assert.match(await page.clone().text(), /See your data at Google/);
  const code = answerOf(await decide(browser, page, 'allow')).get('code');
  const { body } = await redeem(server, client, request, code);
  assert.equal(body.scope, SCOPE);
  const [consent] = await server.database.knex('T_consents');
  assert.deepEqual(
    [consent.scope, consent.claims],
    ['connections:google.read', ''],
    'nothing else is remembered',
  );
  assert.equal(await isAsked(server, client, ada, { scope: SCOPE }), false);

  const call = callerOf(server, String(body.access_token));
  assert.equal((await call(CALENDARS)).status, 200);
  const key = { accountId: ada.id, clientId: client.client_id, service: 'google' };
  assert.equal(await server.services.consents.withdrawConnections({ accountId: ada.id }, key), true);
  await problemOf(await call(CALENDARS), 403, 'not_connected');
  // In the session of then, in a new one, and without a user.
  const again = await browser.follow(
    await browser.get(authorizeUrl(authorization(client, { scope: SCOPE }))),
  );
  assert.match(await again.text(), /See your data at Google/);
  assert.equal(await isAsked(server, client, ada, { scope: SCOPE }), true);
  const silent = authorization(client, { scope: SCOPE, prompt: 'none' });
  assert.equal(answerOf(await browser.get(authorizeUrl(silent))).get('error'), 'consent_required');
  const denied = await arriveInNewBrowser(server, client, ada, { scope: SCOPE });
  assert.equal(answerOf(await decide(denied.browser, denied.page, 'deny')).get('error'), 'access_denied');
  assert.equal(await isAsked(server, client, ada, { scope: 'openid profile' }), false);
});
