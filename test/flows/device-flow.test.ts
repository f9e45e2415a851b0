import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser, formOf } from '../support/browser.ts';
import { call, refresh } from '../support/builders/authorization.ts';
import {
  answerPages,
  askForCode,
  connect,
  createDeviceClient,
  poll,
  typeCode,
} from '../support/builders/device.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const insecure = { execute: [oidc.allowInsecureRequests] };

async function open(t: Parameters<typeof startServer>[0], engine: (typeof engines)[number]) {
  const server = await startServer(t, engine);
  return { server, client: await createDeviceClient(server), ada: await server.createAccount() };
}

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
      const { server, client, ada } = await open(t, engine);
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
      const { server, client, ada } = await open(t, engine);
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
    });

    test('gets one set of tokens of 20 polls at once, and a later poll ends them', async (t) => {
      const { server, client, ada } = await open(t, engine);
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
      const { server, client, ada } = await open(t, engine);
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
      const { server, client } = await open(t, engine);
      const [first, other] = [await askForCode(server, client), await askForCode(server, client)];
      const errors = [];
      for (const { device_code } of [first, first, other, first])
        errors.push((await poll(server, client, device_code)).body.error);
      assert.deepEqual(errors, ['authorization_pending', 'slow_down', 'authorization_pending', 'slow_down']);
      const { knex } = server.database;
      assert.equal((await knex('T_auth_audit_log').where('action', 'token_request.refused')).length, 0);
    });

    test('gets nothing with the code of another application, an expired code, or for a disabled account', async (t) => {
      const { server, client, ada } = await open(t, engine);
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
      const { server, client, ada } = await open(t, engine);
      const mei = await server.createAccount('mei');
      const people = [ada, mei];
      const browsers = people.map(() => new Browser(server.issuer));
      // Both are signed in, and asked no more than the code.
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

test('whoever decides later, and has opened the page before, does not change the answer', async (t) => {
  const { server, client, ada } = await open(t, 'sqlite');
  const mei = await server.createAccount('mei');
  const { device_code, user_code } = await askForCode(server, client);
  const browser = new Browser(server.issuer);
  const { action, fields } = await formOf(await typeCode(browser, user_code));
  const signIn = await formOf(
    await browser.follow(await browser.post(action, { ...fields, decision: 'allow' })),
  );
  const consent = await formOf(
    await browser.follow(
      await browser.post(signIn.action, { ...signIn.fields, username: mei.username, password: mei.password }),
    ),
  );
  assert.equal((await connect(server, user_code, ada)).status, 200);
  const late = await browser.follow(
    await browser.post(consent.action, { ...consent.fields, decision: 'deny' }),
  );
  assert.equal(late.status, 409);
  assert.equal((await poll(server, client, device_code)).status, 200);
});

test('a code is typed in any case, with or without its hyphen, and wrong codes are limited', async (t) => {
  const { server, client } = await open(t, 'sqlite');
  const { user_code } = await askForCode(server, client);
  const browser = new Browser(server.issuer);
  for (const typed of [
    user_code,
    user_code.toLowerCase(),
    user_code.replace('-', ' '),
    user_code.replace('-', ''),
  ])
    assert.match(await (await typeCode(browser, typed)).text(), new RegExp(`class="code">${user_code}<`));
  for (let count = 0; count < 20; count += 1)
    assert.equal((await typeCode(browser, 'BBBB-CCCC')).status, 400);
  assert.equal((await typeCode(browser, user_code)).status, 429);
  assert.equal((await browser.get(`/device?user_code=${user_code}`)).status, 429);
});

test('an address asks for at most 100 codes in 15 minutes without a secret', async (t) => {
  const { server, client } = await open(t, 'sqlite');
  for (let count = 0; count < 100; count += 1) await askForCode(server, client);
  const { status, body } = await call(server, client, '/device/auth', { scope: 'openid' });
  assert.deepEqual([status, body.error], [429, 'invalid_request']);
  assert.equal((await server.database.knex('T_device_codes')).length, 100);
});

test('a visitor who opens a code, types it and does not sign in writes nothing', async (t) => {
  const { server, client } = await open(t, 'sqlite');
  const { user_code } = await askForCode(server, client);
  const { knex } = server.database;
  const before = await knex('T_device_codes');
  const browser = new Browser(server.issuer);
  const { action, fields } = await formOf(await typeCode(browser, user_code));
  const page = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
  assert.match(await page.text(), /name="password"/);
  assert.deepEqual(await knex('T_device_codes'), before);
  for (const table of ['T_authorization_requests', 'T_user_sessions'])
    assert.equal((await knex(table)).length, 0, table);
});

test('the engine takes no decision that our page has not taken', async (t) => {
  const { server, client, ada } = await open(t, 'sqlite');
  const { user_code, device_code } = await askForCode(server, client);
  const browser = new Browser(server.issuer);
  const { fields } = await formOf(await typeCode(browser, user_code));
  const form = { user_code, confirm: 'yes', xsrf: 'x', decision: 'allow' };
  for (const path of ['/device', '/DEVICE/', '/device/x'])
    assert.ok((await browser.post(path, form)).status >= 400, path);
  const headers = { origin: 'https://evil.example' };
  assert.equal((await browser.post('/device', { ...form, csrf: String(fields.csrf) }, headers)).status, 403);
  assert.equal((await poll(server, client, device_code)).body.error, 'authorization_pending');
  assert.equal((await connect(server, user_code, ada)).status, 200);
});

test('the command registers an application for devices, without a redirect URI', async (t) => {
  const server = await startServer(t, 'sqlite');
  const type = 'urn:ietf:params:oauth:grant-type:device_code';
  const create = ['client', 'create', '--name', 'TV', '--public', '--json', '--grant-type'];
  const { stdout } = await latchkey([...create, type, '--grant-type', 'refresh_token'], {
    url: server.storage.url,
  });
  const client = JSON.parse(stdout);
  assert.deepEqual([client.redirect_uris, client.grant_types], [[], [type, 'refresh_token']]);
  assert.equal(client.scope, 'openid profile email');
  assert.equal((await askForCode(server, client)).interval, 5);
  const { status, body } = await call(server, await server.createClient(), '/device/auth', {
    scope: 'openid',
  });
  assert.deepEqual([status, body.error], [400, 'invalid_request']);
});

test('the page of the account names the device, and ends its access', async (t) => {
  const { server, client, ada } = await open(t, 'sqlite');
  const { device_code, user_code } = await askForCode(server, client);
  const browser = new Browser(server.issuer);
  await connect(server, user_code, ada, browser);
  const tokens = await poll(server, client, device_code);
  // Our own pages are an application, to which the browser signs in first.
  const activity = await browser.follow(await browser.get('/account/activity'));
  assert.match(await activity.text(), /You connected a device to Harbour CLI/);
  const { action, fields } = await formOf(await browser.get('/account/applications'));
  await browser.follow(await browser.post(action, { ...fields, client: client.client_id }));
  assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 400);
});

test('a first-party application is asked about on the page of the code only', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await createDeviceClient(server, { firstParty: true });
  const ada = await server.createAccount();
  const browser = new Browser(server.issuer);
  const first = await askForCode(server, client);
  await connect(server, first.user_code, ada, browser);
  const { device_code, verification_uri_complete: url } = await askForCode(server, client);
  const page = await browser.get(url);
  const { action, fields, html } = await formOf(page);
  assert.match(html, new RegExp(`<dd><bdi>${ada.username}</bdi></dd>`));
  assert.match(html, /If somebody sent you this code, stop/);
  assert.equal((await poll(server, client, device_code)).body.error, 'authorization_pending');
  const last = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
  assert.match(await last.text(), /Your device is connected/);
});

test('signing an account out everywhere ends what a device was allowed and has not fetched', async (t) => {
  const { server, client, ada } = await open(t, 'sqlite');
  const { device_code, user_code } = await askForCode(server, client);
  await connect(server, user_code, ada);
  const { knex } = server.database;
  await knex.transaction((trx) => server.services.signOutEverywhere(trx, ada.id));
  assert.equal((await poll(server, client, device_code)).body.error, 'invalid_grant');
});

test('a device gets a token for the resource that its request names', async (t) => {
  const server = await startServer(t, 'sqlite');
  const resource = 'https://notes.example/api';
  await server.services.resources.create(
    { accountId: null },
    { identifier: resource, scope: 'notes:read', format: 'jwt' },
  );
  const client = await createDeviceClient(server, { scope: 'openid notes:read' });
  const ada = await server.createAccount('ada', 'openid notes:*');
  const device = await askForCode(server, client, { scope: 'openid notes:read', resource });
  const page = await typeCode(new Browser(server.issuer), device.user_code);
  assert.match(await page.text(), /See your notes/);
  await connect(server, device.user_code, ada);
  const { body } = await poll(server, client, device.device_code);
  const { aud, scope } = JSON.parse(atob(String(body.access_token).split('.')[1] ?? ''));
  assert.deepEqual([aud, scope], [resource, 'notes:read']);
});
