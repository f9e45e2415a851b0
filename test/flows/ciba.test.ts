import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as client from 'openid-client';
import { call } from '../support/builders/authorization.ts';
import {
  answerRequest,
  askForSignIn,
  CIBA,
  createTill,
  pollForTokens,
  REQUESTS,
} from '../support/builders/ciba.ts';
import { forgot } from '../support/builders/password-reset.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('a sign-in that an application asks for without a browser (CIBA)', () => {
  test('is mailed, shown with its binding message, approved, and polled by openid-client', async (t) => {
    const server = await startServer(t, 'sqlite');
    const till = await createTill(server);
    const ada = await server.createAccount();
    const config = await client.discovery(
      new URL(server.issuer),
      till.client_id,
      String(till.client_secret),
      undefined,
      { execute: [client.allowInsecureRequests] },
    );
    const started = await client.initiateBackchannelAuthentication(config, {
      scope: 'openid profile',
      login_hint: ' Ada ',
      binding_message: 'Till 4 <b>',
    });
    assert.ok(Number(started.expires_in) <= 300);
    await server.settled();
    const mail = server.sink.mails.at(-1);
    assert.match(String(mail?.text), /Harbour Till asks to sign you in as ada/);
    assert.match(String(mail?.text), /Till 4/);
    assert.match(String(mail?.text), /\/account\/requests/);

    const { browser, page } = await visit(server, ada, REQUESTS);
    const html = await page.text();
    assert.match(html, /Harbour Till/);
    assert.match(html, /Till 4 &lt;b&gt;/);
    assert.equal((await answerRequest(browser, 'approve')).status, 303);
    const tokens = await client.pollBackchannelAuthenticationGrant(config, { ...started, interval: 1 });
    assert.equal(tokens.claims()?.sub, ada.id);
    assert.equal(tokens.claims()?.preferred_username, 'ada');
    assert.ok(tokens.claims()?.auth_time);
    assert.match(await textOf(await browser.get(REQUESTS)), /No application waits for your approval/);
    assert.equal((await pollForTokens(server, till, started.auth_req_id)).body.error, 'invalid_grant');
    assert.match(await textOf(await browser.get('/account/activity')), /You let Harbour Till sign you in/);
    const applications = await textOf(await browser.get('/account/applications'));
    assert.match(applications, /Harbour Till/);
    await server.services.consents.withdraw(
      { accountId: null },
      { accountId: ada.id, clientId: till.client_id },
    );
    const info = await call(server, till, '/token/introspection', { token: tokens.access_token });
    assert.equal(info.body.active, false);
  });

  test('waits, is slowed down, is denied, and expires', async (t) => {
    const server = await startServer(t, 'sqlite');
    const till = await createTill(server);
    const ada = await server.createAccount();
    const { body } = await askForSignIn(server, till, { login_hint: 'ada' });
    assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'authorization_pending');
    assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'slow_down');
    const { browser } = await visit(server, ada, REQUESTS);
    assert.equal((await answerRequest(browser, 'deny')).status, 303);
    assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'access_denied');

    const late = await askForSignIn(server, till, { login_hint: 'ada', requested_expiry: '99999' });
    assert.equal(late.body.expires_in, 600);
    const rows = await server.database.knex('T_backchannel_authentication_requests').orderBy('id');
    const row = rows.at(-1);
    const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: Math.floor(Date.now() / 1000) - 1 });
    await server.database
      .knex('T_backchannel_authentication_requests')
      .where({ id: row.id })
      .update({ payload, expires_at: new Date(Date.now() - 1000) });
    assert.equal((await pollForTokens(server, till, late.body.auth_req_id)).body.error, 'expired_token');
    assert.match(await textOf(await browser.get(REQUESTS)), /No application waits/);
  });

  test('is approved only with a recent sign-in, and only by its own user', async (t) => {
    const server = await startServer(t, 'sqlite');
    const till = await createTill(server);
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, REQUESTS);
    const { body } = await askForSignIn(server, till, { login_hint: 'ada' });
    await age(server);
    const asked = await answerRequest(browser, 'approve');
    assert.match(String(asked.headers.get('location')), /\/auth\?/);
    assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'authorization_pending');

    const mei = await server.createAccount('mei');
    const other = await visit(server, mei, REQUESTS);
    assert.match(await textOf(await other.browser.get(REQUESTS)), /No application waits/);
    await askForSignIn(server, till, { login_hint: 'mei' });
    const [{ id }] = await server.database.knex('T_backchannel_authentication_requests').orderBy('id');
    const csrf = /name="csrf" value="([^"]+)"/.exec(await (await other.browser.get(REQUESTS)).text())?.[1];
    const forged = await other.browser.post(`${REQUESTS}/answer`, {
      csrf: String(csrf),
      request: id,
      decision: 'approve',
    });
    assert.equal(forged.status, 404);
    assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'slow_down');
  });

  test('refuses unknown users, long messages, other hints, other applications and a full list', async (t) => {
    const server = await startServer(t, 'sqlite');
    const till = await createTill(server);
    const ada = await server.createAccount();
    const other = await createTill(server);
    const web = await server.createClient();
    const refused: [Record<string, string>, string][] = [
      [{ login_hint: 'nobody' }, 'unknown_user_id'],
      [{ login_hint: 'ada@harbour.example' }, 'unknown_user_id'],
      [{ login_hint: 'ada', binding_message: 'x'.repeat(65) }, 'invalid_binding_message'],
      [{ login_hint: 'ada', binding_message: 'a\u202eb' }, 'invalid_binding_message'],
      [{ login_hint_token: 'x' }, 'invalid_request'],
      [{}, 'invalid_request'],
      [{ login_hint: 'ada', scope: 'profile' }, 'invalid_request'],
    ];
    for (const [fields, error] of refused)
      assert.equal((await askForSignIn(server, till, fields)).body.error, error, JSON.stringify(fields));
    assert.notEqual((await askForSignIn(server, web, { login_hint: 'ada' })).status, 200);
    await server.database.knex('T_accounts').where({ id: ada.id }).update({ email_verified: true });
    const { body } = await askForSignIn(server, till, { login_hint: 'Ada@harbour.example' });
    assert.equal((await pollForTokens(server, other, body.auth_req_id)).body.error, 'invalid_grant');
    for (let more = 0; more < 4; more += 1)
      assert.equal((await askForSignIn(server, till, { login_hint: 'ada' })).status, 200);
    const full = await askForSignIn(server, till, { login_hint: 'ada' });
    assert.match(String(full.body.error_description), /too many requests wait/);
    await server.settled();
    const mails = server.sink.mails.length;
    await forgot(server, 'ada@harbour.example');
    await server.settled();
    assert.equal(server.sink.mails.length, mails + 1, 'these messages do not stop the reset of a password');
  });

  test('pings the application once the answer is committed, with the token that it chose', async (t) => {
    const server = await startServer(t, 'sqlite');
    await assert.rejects(
      async () => createTill(server, { cibaNotificationUri: 'http://till.example/ping' }),
      {
        kind: 'invalid_input',
      },
    );
    const till = await createTill(server, { cibaNotificationUri: 'https://till.example/ping' });
    assert.equal(till.backchannel_token_delivery_mode, 'ping');
    const ada = await server.createAccount();
    const missing = await askForSignIn(server, till, { login_hint: 'ada' });
    assert.equal(missing.body.error, 'invalid_request');
    const { body } = await askForSignIn(server, till, {
      login_hint: 'ada',
      client_notification_token: 'secret-of-the-till',
    });
    const pings: unknown[] = [];
    // The engine's own function sends it with the guarded fetch.
    server.provider.Client.prototype.backchannelPing = async function (request) {
      const { jti, params } = request as unknown as { jti: string; params: Record<string, string> };
      const answer = await pollForTokens(server, till, jti);
      pings.push([
        this.backchannelClientNotificationEndpoint,
        params.client_notification_token,
        answer.status,
      ]);
    };
    const { browser } = await visit(server, ada, REQUESTS);
    await answerRequest(browser, 'approve');
    await server.settled();
    assert.deepEqual(pings, [['https://till.example/ping', 'secret-of-the-till', 200]]);
    assert.notEqual(body.auth_req_id, undefined);
  });

  test('is off unless the grant type is registered, and no public application can have it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const run = (...args: string[]) => latchkey(['client', ...args, '--json'], { url: server.storage.url });
    const refused = await run('create', '--name', 'Till', '--grant-type', CIBA, '--public');
    assert.match(refused.stderr, /cannot ask for sign-ins without a browser/);
    const made = await run('create', '--name', 'Till', '--grant-type', CIBA);
    assert.equal(JSON.parse(made.stdout).backchannel_token_delivery_mode, 'poll');
    const discovery = (await (
      await fetch(`${server.issuer}/.well-known/openid-configuration`)
    ).json()) as Record<string, unknown>;
    assert.deepEqual(discovery.backchannel_token_delivery_modes_supported, ['poll', 'ping']);
    assert.equal(discovery.backchannel_user_code_parameter_supported, false);
  });
});
