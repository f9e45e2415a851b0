import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  type Authorization,
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
} from '../support/builders/authorization.ts';
import { answerPages, askForCode, createDeviceClient, poll, typeCode } from '../support/builders/device.ts';
import { startServer, type TestServer } from '../support/server.ts';

const NOTES = 'https://notes.example/api';
const MAIL = 'https://mail.example/api';

/** Answers the page with "Use another account", and signs in to that account. @returns the last page */
async function useOther(browser: Browser, page: Response, person: { username: string; password: string }) {
  const { action, fields, html } = await formOf(page);
  const choice: Record<string, string> = html.includes('value="switch"')
    ? { decision: 'switch' }
    : { account: 'other' };
  const signIn = await browser.follow(await browser.post(action, { ...fields, ...choice }));
  const form = await formOf(signIn);
  assert.match(form.html, /name="password"/);
  assert.match(form.html, /name="username"[^>]* value=""/, 'the name of the first account is not filled in');
  const { username, password } = person;
  let next = await browser.follow(await browser.post(form.action, { ...form.fields, username, password }));
  // The first account is signed out here, which the user confirms.
  const confirm = await formOf(next);
  assert.equal(confirm.action, '/session/end/confirm');
  next = await browser.follow(await browser.post(confirm.action, confirm.fields));
  return next;
}

async function begin(server: TestServer) {
  const [ada, bob] = [await server.createAccount('ada'), await server.createAccount('bob')];
  const browser = new Browser(server.issuer);
  await signInWith(server, await server.createClient({ firstParty: true }), ada, {}, browser);
  return { browser, ada, bob };
}

const open = async (browser: Browser, request: Authorization) =>
  browser.follow(await browser.get(authorizeUrl(request)));

test('the page of consent keeps each resource of the request', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { browser, bob } = await begin(server);
  for (const identifier of [NOTES, MAIL])
    await server.services.resources.create({ accountId: null }, { identifier, scope: 'email:read' });
  for (const name of ['ada', 'bob'])
    await server.accounts.update({ accountId: null }, name, { scope: 'openid email:read' });
  const client = await server.createClient({ scope: 'openid email:read' });
  const request = { ...authorization(client, { scope: 'openid email:read' }), resources: [NOTES, MAIL] };
  const consent = await useOther(browser, await open(browser, request), bob);
  const code = answerOf(await answerPages(browser, consent, bob)).get('code');
  const tokens = await redeem(server, client, request, code, { resource: MAIL });
  assert.equal(tokens.status, 200);
  const { access_token: token } = tokens.body;
  const { body } = await call(server, client, '/token/introspection', { token });
  assert.deepEqual([body.sub, body.aud], [bob.id, MAIL]);
});

for (const prompt of [undefined, 'select_account']) {
  test(`of a request that was pushed with prompt=${prompt} works, and shows consent afterwards`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const { browser, bob } = await begin(server);
    const client = await server.createClient({ requirePar: true });
    const request = authorization(client, { prompt });
    const { body } = await call(server, client, '/request', request.params);
    const params = { client_id: client.client_id, request_uri: String(body.request_uri) };
    const consent = await useOther(browser, await open(browser, { params, verifier: '' }), bob);
    assert.match((await formOf(consent.clone())).html, /signed in as <b><bdi>bob/);
    const code = answerOf(await answerPages(browser, consent, bob)).get('code');
    assert.equal((await redeem(server, client, request, code)).status, 200);
  });
}

for (const firstParty of [true, false])
  test(`connects a device of ${firstParty ? 'our own' : 'an application'} with the other account`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const { browser, bob } = await begin(server);
    const client = await createDeviceClient(server, { firstParty });
    const { user_code, device_code } = await askForCode(server, client);
    let page = await typeCode(browser, user_code);
    assert.match((await formOf(page.clone())).html, /<bdi>ada<\/bdi> <button[^>]*>Use another account/);
    if (!firstParty) {
      const { action, fields } = await formOf(page);
      page = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
    }
    const last = await answerPages(browser, await useOther(browser, page, bob), bob);
    assert.match(await last.text(), /Your device is connected/);
    const { status, body } = await poll(server, client, device_code);
    assert.equal(status, 200);
    const me = await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    assert.equal(((await me.json()) as { preferred_username?: string }).preferred_username, 'bob');
  });
