import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser, formOf } from '../support/browser.ts';
import { refresh } from '../support/builders/authorization.ts';
import {
  answerPages,
  askForCode,
  connect,
  createDeviceClient,
  poll,
  startWithDevice,
  typeCode,
} from '../support/builders/device.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const insecure = { execute: [oidc.allowInsecureRequests] };

/** Another server on the same database, which has counted no poll yet. */
async function startSecond(
  t: Parameters<typeof startServer>[0],
  engine: (typeof engines)[number],
  { storage, issuer }: TestServer,
) {
  const { config } = await startServer(t, engine, { storage, config: { issuer } });
  return { issuer: `http://127.0.0.1:${config.port}` };
}

for (const engine of engines) {
  describe(`a device on ${engine}`, () => {
    test('of openid-client is connected: the user signs in and allows it, and its tokens are refreshed', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const config = await oidc.discovery(
        new URL(server.issuer),
        client.client_id,
        undefined,
        oidc.None(),
        insecure,
      );
      const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });
      assert.match(device.user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
      assert.deepEqual([device.interval, device.expires_in], [5, 600]);
      assert.equal(device.verification_uri, `${server.issuer}/device`);
      const waiting = oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 });
      const browser = new Browser(server.issuer);
      const page = await browser.get(String(device.verification_uri_complete));
      assert.match(await page.clone().text(), /Harbour CLI/);
      const last = await answerPages(browser, page, ada);
      assert.match(await last.text(), /Your device is connected/);
      const tokens = await waiting;
      assert.equal(tokens.claims()?.preferred_username, ada.username);
      const refreshed = await oidc.refreshTokenGrant(config, String(tokens.refresh_token));
      // The browser is signed out; the device is not.
      const { action, fields } = await formOf(await browser.get('/session/end'));
      await browser.follow(await browser.post(action, { ...fields, logout: 'yes' }));
      const again = await oidc.refreshTokenGrant(config, String(refreshed.refresh_token));
      assert.equal(typeof again.access_token, 'string');
    });

    test('waits, gets an error when its user denies it, and cannot be allowed then', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const early = await askForCode(server, client);
      assert.equal((await poll(server, client, early.device_code)).body.error, 'authorization_pending');
      const browser = new Browser(server.issuer);
      const page = await answerPages(browser, await typeCode(browser, early.user_code), ada, 'deny');
      assert.match(await page.text(), /Your device was not connected/);
      assert.equal((await typeCode(browser, early.user_code)).status, 400);
      // Denied at the question for consent.
      const late = await askForCode(server, client);
      const { action, fields } = await formOf(await typeCode(browser, late.user_code));
      const next = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
      const end = await answerPages(browser, next, ada, 'deny');
      assert.match(await end.text(), /Your device was not connected/);
      const other = await startSecond(t, engine, server);
      for (const { device_code } of [early, late]) {
        const { status, body } = await poll(other, client, device_code);
        assert.deepEqual([status, body.error], [400, 'access_denied']);
      }
      assert.equal(
        (await poll(server, client, late.device_code)).body.error,
        'access_denied',
        'as often as asked',
      );
      const replays = await server.database.knex('T_auth_audit_log').where('action', 'like', '%.detected');
      assert.deepEqual(replays, []);
    });

    test('gets one set of tokens of 20 polls at once, and a later poll ends them', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const { device_code, user_code } = await askForCode(server, client);
      assert.equal((await connect(server, user_code, ada)).status, 200);
      const answers = await Promise.all(Array.from({ length: 20 }, () => poll(server, client, device_code)));
      const [success, ...others] = answers.filter(({ status }) => status === 200);
      assert.deepEqual(others, []);
      assert.equal(answers.filter(({ body }) => body.error === 'slow_down').length, 19);
      const tokens = await refresh(server, client, success?.body.refresh_token);
      assert.equal(tokens.status, 200);
      const other = await startSecond(t, engine, server);
      assert.equal((await poll(other, client, device_code)).body.error, 'invalid_grant');
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 400);
    });

    test('gets one set of tokens at most of polls at several servers', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const { device_code, user_code } = await askForCode(server, client);
      await connect(server, user_code, ada);
      const servers = await Promise.all([1, 2, 3].map(() => startSecond(t, engine, server)));
      const answers = await Promise.all([server, ...servers].map((one) => poll(one, client, device_code)));
      const outcomes = answers.map(({ status, body }) => body.error ?? status);
      assert.deepEqual(outcomes.toSorted(), [200, 'invalid_grant', 'invalid_grant', 'invalid_grant']);
      const [row] = await server.database.knex('T_device_codes').whereNotNull('consumed_at');
      assert.equal(row.user_code_hash, null);
    });

    test('that polls too fast is slowed down, and no other device is', async (t) => {
      const { server, client } = await startWithDevice(t, engine);
      const [first, other] = [await askForCode(server, client), await askForCode(server, client)];
      const errors = [];
      for (const { device_code } of [first, first, other, first])
        errors.push((await poll(server, client, device_code)).body.error);
      assert.deepEqual(errors, ['authorization_pending', 'slow_down', 'authorization_pending', 'slow_down']);
      const { knex } = server.database;
      assert.equal((await knex('T_auth_audit_log').where('action', 'token_request.refused')).length, 0);
    });

    test('gets nothing with the code of another application, an expired code, or for a disabled account', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const other = await createDeviceClient(server);
      const { device_code, user_code } = await askForCode(server, client);
      assert.equal((await poll(server, other, device_code)).body.error, 'invalid_grant');
      await connect(server, user_code, ada);
      assert.equal((await poll(server, other, device_code)).body.error, 'invalid_grant');
      await server.accounts.disable({ accountId: null }, ada.username);
      assert.equal((await poll(server, client, device_code)).body.error, 'invalid_grant');

      const late = await askForCode(server, client);
      const { knex } = server.database;
      const row = await knex('T_device_codes').orderBy('id', 'desc').first();
      const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: 1 });
      await knex('T_device_codes').where({ id: row.id }).update({ payload });
      assert.equal((await poll(server, client, late.device_code)).body.error, 'expired_token');
      assert.equal((await typeCode(new Browser(server.issuer), late.user_code)).status, 400);
    });

    test('is answered by one of two browsers that decide at once', async (t) => {
      const { server, client, ada } = await startWithDevice(t, engine);
      const mei = await server.createAccount('mei');
      const people = [ada, mei];
      const browsers = people.map(() => new Browser(server.issuer));
      // Both are signed in, so they are only asked for the code.
      for (const [index, browser] of browsers.entries()) {
        const { user_code } = await askForCode(server, client);
        await connect(server, user_code, people[index] as typeof ada, browser);
      }
      const { device_code, user_code } = await askForCode(server, client);
      const forms = await Promise.all(
        browsers.map(async (browser) => formOf(await typeCode(browser, user_code))),
      );
      const pages = await Promise.all(
        forms.map(async ({ action, fields }, index) => {
          const browser = browsers[index] as Browser;
          return browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
        }),
      );
      const [winning, losing] = pages.map(({ status }) => status).sort();
      assert.equal(winning, 200);
      // The other one asked before the first was committed, or after.
      assert.ok(losing === 409 || losing === 400, String(losing));
      const { status, body } = await poll(server, client, device_code);
      assert.equal(status, 200);
      const winner = people[pages.findIndex((page) => page.status === 200)];
      assert.equal(JSON.parse(atob(String(body.id_token).split('.')[1] ?? '')).sub, winner?.id);
    });
  });
}
