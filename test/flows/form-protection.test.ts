import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { Browser, type Form, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { askForCode, createDeviceClient } from '../support/builders/device.ts';
import { invite, open, signUp, typeCode } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink, resetLink } from '../support/builders/password-reset.ts';
import { INVITATIONS, signedIn, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

interface Post extends Form {
  browser: Browser;
  /** The fields that a person fills in; with the form's own fields the response is 303. */
  typed: Record<string, string>;
}

async function signInPage(server: TestServer, prompt?: string) {
  const client = await server.createClient();
  const browser = new Browser(server.issuer);
  const page = await browser.follow(await browser.get(authorizeUrl(authorization(client, { prompt }))));
  return { browser, page };
}

/** Opens each of our forms, ready to be sent. */
const FORMS: Record<string, (server: TestServer) => Promise<Post>> = {
  async 'sign-in'(server) {
    const { username, password } = await server.createAccount();
    const { browser, page } = await signInPage(server);
    return { browser, ...(await formOf(page)), typed: { username, password } };
  },
  async consent(server) {
    const { username, password } = await server.createAccount();
    const { browser, page } = await signInPage(server);
    const { action, fields } = await formOf(page);
    const next = await browser.follow(await browser.post(action, { ...fields, username, password }));
    return { browser, ...(await formOf(next)), typed: { decision: 'allow' } };
  },
  async 'the code of a device'(server) {
    const { user_code } = await askForCode(server, await createDeviceClient(server));
    const browser = new Browser(server.issuer);
    return { browser, ...(await formOf(await browser.get('/device'))), typed: { user_code } };
  },
  async 'the decision about a device'(server) {
    const { verification_uri_complete: url } = await askForCode(server, await createDeviceClient(server));
    const browser = new Browser(server.issuer);
    return { browser, ...(await formOf(await browser.get(url))), typed: { decision: 'allow' } };
  },
  async 'an invitation code'(server) {
    const { code } = await invite(server);
    const { browser, page } = await signInPage(server, 'create');
    return { browser, ...(await formOf(page)), typed: { invitation_code: code } };
  },
  async 'a new account'(server) {
    const { browser, page } = await open(server, (await invite(server)).code);
    const typed = { username: 'mei', password: 'a quiet harbour at dawn' };
    return { browser, ...(await formOf(page)), typed };
  },
  async 'an invitation opened by a signed-in user'(server) {
    const client = await server.createClient();
    const { browser } = await signInWith(server, client, await server.createAccount());
    const { page } = await open(server, (await invite(server)).code, browser);
    return { browser, ...(await formOf(page)), typed: { decision: 'add' } };
  },
  async 'sign-out'(server) {
    const client = await server.createClient();
    const { browser } = await signInWith(server, client, await server.createAccount());
    return { browser, ...(await formOf(await browser.get('/session/end'))), typed: { logout: 'yes' } };
  },
  async 'the question at a sign-up beside another account'(server) {
    const client = await server.createClient();
    const { browser } = await signInWith(server, client, await server.createAccount());
    const { page } = await open(server, (await invite(server)).code, browser);
    const { action, fields } = await formOf(page);
    const offer = await browser.follow(await browser.post(action, { ...fields, decision: 'new' }));
    const question = await browser.follow(await signUp(browser, offer, { username: 'mei' }));
    return { browser, ...(await formOf(question)), typed: {} };
  },
  async 'a forgotten password'(server) {
    const browser = new Browser(server.issuer);
    return { browser, ...(await formOf(await browser.get('/forgot'))), typed: { email: EMAIL } };
  },
  async 'a new password by a link'(server) {
    await server.createAccount();
    const { browser, page } = await openLink(server, await resetLink(server, EMAIL));
    return { browser, ...(await formOf(page)), typed: { password: NEW_PASSWORD } };
  },
  async 'the confirmation of an address'(server) {
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, '/account/security');
    await server.recovery.requestEmailChange(ada.id, 'mei@harbour.example');
    const { link = '' } = await server.sink.to('mei@harbour.example');
    const { page } = await openLink(server, link, browser);
    return { browser, ...(await formOf(page)), typed: {} };
  },
  async 'a changed password'(server) {
    const ada = await server.createAccount();
    const { browser, page } = await visit(server, ada, '/account/security');
    const typed = { current: ada.password, password: NEW_PASSWORD };
    return { browser, ...(await formOf(page)), typed };
  },
  async 'the end of the access of an application'(server) {
    const ada = await server.createAccount();
    const client = await server.createClient();
    const { browser } = await signInWith(server, client, ada);
    const page = await browser.get('/account/applications');
    return { browser, ...(await formOf(page)), typed: { client: client.client_id } };
  },
  async 'another username'(server) {
    const { browser, page } = await visit(server, await server.createAccount(), '/account/profile');
    return { browser, ...(await formOf(page)), typed: { username: 'lovelace' } };
  },
  async 'the end of all other sessions'(server) {
    const ada = await server.createAccount();
    await visit(server, ada, '/account/sessions');
    const { browser, page } = await visit(server, ada, '/account/sessions');
    return { browser, ...(await formOf(page)), typed: {} };
  },
  async 'another e-mail address'(server) {
    const ada = await server.createAccount();
    const { browser, page } = await visit(server, ada, '/account/email');
    return {
      browser,
      ...(await formOf(page)),
      typed: { current: ada.password, email: 'mei@harbour.example' },
    };
  },
  async 'the withdrawal of a batch of invitations'(server) {
    const [first] = await server.invitations.create({ accountId: null }, { scope: 'openid' }, 3);
    const browser = await signedIn(server, 'ada');
    return {
      browser,
      ...(await formOf(await browser.get(`${INVITATIONS}?batch=${first?.id}`))),
      typed: {},
    };
  },
  async 'the withdrawal of an invitation'(server) {
    const { id } = await invite(server);
    const browser = await signedIn(server, 'ada');
    return {
      browser,
      ...(await formOf(await browser.get(`${INVITATIONS}/${id}`))),
      typed: { withdraw: 'yes' },
    };
  },
};

const state = async ({ database: { knex } }: TestServer) => ({
  accounts: await knex('T_accounts').select('id', 'scopes').orderBy('id'),
  sessions: await knex('T_user_sessions').select('uid', 'account_id', 'is_active').orderBy('uid'),
  grants: await knex('T_grants').select('id', 'revoked_at').orderBy('id'),
  invitations: await knex('T_invitations').select('uses', 'revoked_at').orderBy('id'),
  credentials: await knex('T_credentials').select('password_hash', 'failed_login_attempts').orderBy('id'),
  devices: await knex('T_device_codes').select('id', 'user_code_hash', 'payload').orderBy('id'),
  links: await knex('T_account_links').select('id', 'consumed_at').orderBy('id'),
});

const EMAIL = 'ada@harbour.example';

for (const [name, reach] of Object.entries(FORMS)) {
  test(`${name}: without its token, with another one, from another site or of another content type it gets 403 and does nothing`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const foreign = await (await FORMS['sign-in']?.(server))?.fields.csrf;
    await server.database.knex('T_accounts').delete();
    const { browser, action, fields, typed } = await reach(server);
    const token = fields.csrf === undefined ? 'xsrf' : 'csrf';
    assert.ok(fields[token], 'the form has a token');
    const { [token]: _, ...without } = { ...fields, ...typed };
    const whole = { ...fields, ...typed };
    const text = { method: 'POST', body: String(new URLSearchParams(whole)) };
    const attempts: Record<string, () => Promise<Response>> = {
      'no token': () => browser.post(action, without),
      'an empty token': () => browser.post(action, { ...without, [token]: '' }),
      'a foreign token': () => browser.post(action, { ...without, [token]: String(foreign) }),
      'a foreign origin': () => browser.post(action, whole, { origin: 'https://evil.example' }),
      'origin null': () => browser.post(action, whole, { origin: 'null' }),
      'another port': () => browser.post(action, whole, { origin: 'http://127.0.0.1:1' }),
      'another site': () => browser.post(action, whole, { 'sec-fetch-site': 'cross-site' }),
      'a sibling site': () => browser.post(action, whole, { 'sec-fetch-site': 'same-site' }),
      'text/plain': () =>
        browser.request(action, {
          ...text,
          headers: { origin: server.issuer, 'content-type': 'text/plain' },
        }),
      'multipart/form-data': () =>
        browser.request(action, {
          ...text,
          headers: { origin: server.issuer, 'content-type': 'multipart/form-data; boundary=x' },
        }),
    };
    const before = await state(server);
    for (const [what, attempt] of Object.entries(attempts)) {
      const response = await attempt();
      assert.equal(response.status, 403, what);
      assert.equal(response.headers.get('location'), null, what);
      assert.deepEqual(await state(server), before, what);
    }
    const done = await browser.post(action, whole);
    assert.equal(done.status, 303, `${done.status}: its own form is taken`);
  });
}

test('a code typed outside of a sign-in does no more than its link', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { code } = await invite(server);
  const browser = new Browser(server.issuer);
  const foreign = await browser.post(
    '/invitation',
    { invitation_code: code },
    { origin: 'https://evil.example' },
  );
  assert.equal(foreign.status, 403);
  const taken = await browser.post('/invitation', { invitation_code: code });
  assert.equal(taken.status, 303);
  const offer = await browser.follow(taken);
  assert.match(await offer.clone().text(), /invited/);
  // The sign-in page refuses a wrong code.
  const { page } = await open(server, 'no such code');
  assert.equal((await typeCode(new Browser(server.issuer), page, code)).status, 400);
});

test('every path that accepts a form refuses the forms of other sites', async (t) => {
  const server = await startServer(t, 'sqlite');
  const root = projectPath('src');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const paths = sources.flatMap((file) =>
    [...readFileSync(`${root}/${file}`, 'utf8').matchAll(/\.(?:post|put|patch|delete)\(\s*'(\/[^']*)'/g)].map(
      ([, path = '']) => path.replace(/:\w+/g, 'x'),
    ),
  );
  assert.ok(paths.length >= 3);
  const browser = new Browser(server.issuer);
  for (const path of paths) {
    const response = await browser.post(path, {}, { origin: 'https://evil.example' });
    assert.equal(response.status, 403, path);
  }
});
