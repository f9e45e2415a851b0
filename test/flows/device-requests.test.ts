import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { call, refresh } from '../support/builders/authorization.ts';
import {
  askForCode,
  connect,
  createDeviceClient,
  poll,
  startWithDevice,
  typeCode,
} from '../support/builders/device.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

test('whoever decides later, and has opened the page before, does not change the answer', async (t) => {
  const { server, client, ada } = await startWithDevice(t, 'sqlite');
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
  const { server, client } = await startWithDevice(t, 'sqlite');
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
  const { server, client } = await startWithDevice(t, 'sqlite');
  for (let count = 0; count < 100; count += 1) await askForCode(server, client);
  const { status, body } = await call(server, client, '/device/auth', { scope: 'openid' });
  assert.deepEqual([status, body.error], [429, 'invalid_request']);
  assert.equal((await server.database.knex('T_device_codes')).length, 100);
});

test('a visitor who opens a code, types it and does not sign in writes nothing', async (t) => {
  const { server, client } = await startWithDevice(t, 'sqlite');
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
  const { server, client, ada } = await startWithDevice(t, 'sqlite');
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
  const { server, client, ada } = await startWithDevice(t, 'sqlite');
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
  assert.match(html, new RegExp(`<dd><bdi>${ada.username}</bdi> `));
  assert.match(html, /If somebody sent you this code, stop/);
  assert.equal((await poll(server, client, device_code)).body.error, 'authorization_pending');
  const last = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
  assert.match(await last.text(), /Your device is connected/);
});

test('signing an account out everywhere ends what a device was allowed and has not fetched', async (t) => {
  const { server, client, ada } = await startWithDevice(t, 'sqlite');
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
