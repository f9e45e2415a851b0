import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import { ROUTES } from '../../src/web/routes.ts';
import { Authenticator } from '../support/authenticator.ts';
import { type Browser, formOf } from '../support/browser.ts';
import { accountPlace, authenticate, newcomer, placeOf, register } from '../support/builders/passkey.ts';
import { secondFactorOf, withApp } from '../support/builders/second-factor.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';

const HIDDEN = /<input type="hidden" name="(\w+)" value="([^"]*)"/g;

/** Gives an account the password of another one. */
async function givePassword({ createAccount, database }: TestServer, accountId: string): Promise<void> {
  const { id } = await createAccount('other');
  const row = await database.knex('T_credentials').where({ account_id: id }).first();
  await database
    .knex('T_credentials')
    .insert({ ...row, id: accountId, account_id: accountId, username: 'mei' });
}

/** Signs an account in from another browser. */
async function addSession({ database: { knex } }: TestServer, accountId: string): Promise<void> {
  const row = await knex('T_user_sessions').where({ account_id: accountId }).first();
  await knex('T_user_sessions').insert({ ...row, id: uuidv7(), uid: 'another', token_hash: 'another' });
}

/** Remembers that an account has allowed an application access. */
async function addConsent({ database: { knex }, createClient }: TestServer, accountId: string) {
  const { client_id } = await createClient({ clientId: 'fieldnotes' });
  const now = new Date();
  const row = { id: uuidv7(), created_at: now, last_used_at: now, scope: 'openid', claims: '' };
  await knex('T_consents').insert({ ...row, account_id: accountId, client_id });
}

/** The form of the security page with that button, as the browser would send it. */
async function press(browser: Browser, button: RegExp): Promise<Response> {
  const html = await (await browser.get(SECURITY)).text();
  for (const [form] of html.matchAll(/<form[^>]*>.*?<\/form>/gs)) {
    const [, name, value, label = ''] =
      /<button[^>]*?(?: name="(\w+)" value="(\w+)")?>([^<]*)/.exec(form) ?? [];
    if (!button.test(label)) continue;
    const fields = [...form.matchAll(HIDDEN)];
    const sent = Object.fromEntries(fields.map(([, field, text]) => [field, text]));
    const action = /action="([^"]+)"/.exec(form)?.[1] ?? '';
    return browser.post(action, name ? { ...sent, [name]: value } : sent);
  }
  throw new Error(`There is no button ${button}.`);
}

/** Signs in again on the page that the browser was sent to. @returns the page after it */
async function signInAgain(browser: Browser, page: Response): Promise<Response> {
  const { action, fields } = await formOf(page);
  return browser.follow(await browser.post(action, { ...fields, username: 'ada', password: PASSWORD }));
}

const ACTIONS = [
  {
    button: /^Create ten recovery codes$/,
    says: 'create recovery codes',
    done: async (server: TestServer, id: string) =>
      (await secondFactorOf(server).recoveryCodes.countUnused(id)) === 10,
  },
  {
    button: /^Set up an app/,
    says: 'set up an authenticator app',
    done: async (server: TestServer) => (await server.database.knex('T_totp_secrets')).length === 1,
  },
];

describe('an action that needs a recent sign-in', () => {
  for (const { button, says, done } of ACTIONS)
    test(`${says}: the page says why, and then the action is ready`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const ada = await server.createAccount();
      const { browser } = await visit(server, ada, SECURITY);
      await age(server);
      const page = await browser.follow(await press(browser, button));
      assert.match(await textOf(page.clone()), new RegExp(`Confirm it is you to ${says}`));
      assert.match(await page.clone().text(), /name="username"[^>]* value="ada"/);
      assert.equal(await done(server, ada.id), false);

      const ready = await signInAgain(browser, page);
      assert.equal(new URL(ready.url).pathname, '/account/confirm');
      assert.equal(await done(server, ada.id), false, 'opening the page does nothing');
      const form = await formOf(ready);
      await browser.follow(await browser.post(form.action, form.fields));
      assert.equal(await done(server, ada.id), true);
      const later = await browser.get('/account/confirm');
      assert.equal(later.headers.get('location'), SECURITY, 'it is done only once');
    });

  test('names the key that is removed', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    const place = await accountPlace(server, ada.id);
    await register(browser, place, new Authenticator(server.issuer));
    const html = await (await browser.get(SECURITY)).text();
    const name = /<h3><bdi>([^<]+)/.exec(html)?.[1];
    await age(server);
    const page = await browser.follow(await press(browser, /^Remove/));
    assert.match(await textOf(page.clone()), new RegExp(`Confirm it is you to remove “${name}”`));
  });

  test('is forgotten by another account, and when the security page is opened', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const eve = await server.createAccount('eve');
    const { browser } = await visit(server, ada, SECURITY);
    await age(server);
    const page = await browser.follow(await press(browser, /^Create ten/));
    const { action, fields } = await formOf(page);
    const asEve = { ...fields, username: eve.username, password: PASSWORD };
    const end = await browser.follow(await browser.post(action, asEve));
    assert.doesNotMatch(await end.text(), /Create recovery codes/);

    const own = await visit(server, ada, SECURITY);
    await age(server);
    const again = await own.browser.follow(await press(own.browser, /^Create ten/));
    await own.browser.get(SECURITY);
    const home = await signInAgain(own.browser, again);
    assert.equal(new URL(home.url).pathname, SECURITY);
  });

  test('that is too long to be kept is not kept, and the user can still sign in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    await register(browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
    const html = await (await browser.get(SECURITY)).text();
    const csrf =
      /action="\/account\/security\/keys"[^>]*>\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(
        html,
      )?.[1];
    const key = /name="key" value="([^"]+)"/.exec(html)?.[1];
    await age(server);
    const fields = { csrf: String(csrf), key: String(key), act: 'remove', name: 'x'.repeat(3000) };
    const page = await browser.follow(await browser.post('/account/security/keys', fields));
    assert.equal(page.status, 200, 'the sign-in page');
    const second = await signInAgain(browser, page);
    assert.match(await textOf(second), /Use your security key/);
    assert.equal((await browser.get('/account/confirm')).headers.get('location'), SECURITY);
  });

  test('needs the second factor that the account has', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SECURITY);
    await withApp(server, ada);
    const weak = await press(browser, /^Remove app$/);
    assert.match(String(weak.headers.get('location')), /^\/auth\?.*acr_values=mfa/);
  });
});

/**
 * What the form of each path of the account and the console needs. A form is asked for a recent sign-in, or the reason why
 * it is not; a page without a form has none.
 */
const FORMS: Record<
  string,
  | {
      fields: Record<string, string>;
      says: string;
      /** The page with the form; the security page by default. */
      page?: string;
      /** An event that is recorded when it was done. */
      event?: string;
      /** What the account needs for the page to have the form. */
      prepare?: (server: TestServer, accountId: string) => Promise<void>;
    }
  | { because: string }
> = {
  '/account/security/keys': {
    fields: { act: 'remove' },
    says: 'remove “This device 2”',
    event: 'passkey.removed',
  },
  // Apps and recovery codes follow a password, so the page offers them to an account that has one.
  '/account/security/app': { fields: {}, says: 'set up an authenticator app', prepare: givePassword },
  '/account/security/recovery-codes': {
    fields: {},
    says: 'create recovery codes',
    prepare: givePassword,
    event: 'recovery_codes.made',
  },
  '/account/email': {
    fields: { email: 'mei@elsewhere.example' },
    says: 'change your e-mail address to mei@elsewhere.example',
    page: '/account/email',
  },
  '/account/sessions/end': {
    fields: { session: 'others' },
    says: 'sign out everywhere else',
    page: '/account/sessions',
    event: 'session.ended',
    prepare: addSession,
  },
  '/account/applications/withdraw': {
    fields: { client: 'fieldnotes' },
    says: 'take back the access of “Fieldnotes”',
    page: '/account/applications',
    event: 'consent.withdrawn',
    prepare: addConsent,
  },
  '/account/profile/username': {
    fields: { username: 'mei.lin' },
    says: 'change your username to “mei.lin”',
    page: '/account/profile',
    event: 'account.updated',
  },
  '/account/profile': { because: 'it changes no way to sign in' },
  '/account/activity': { because: 'it has no form' },
  '/account/applications': { because: 'its forms have a path of their own' },
  '/account/sessions': { because: 'its forms have a path of their own' },
  '/account/security': { because: 'it asks for the current password' },
  '/account/recover': { because: 'the link is the proof' },
  '/admin/invitations/new': { because: 'it changes no way to sign in' },
  '/admin/invitations/:id/revoke': { because: 'it changes no way to sign in' },
  '/account': { because: 'it has no form' },
  '/account/confirm': { because: 'its form is that of the action' },
  '/admin': { because: 'it has no form' },
  '/admin/invitations': { because: 'it has no form' },
  '/admin/invitations/:id': { because: 'its form has a path of its own' },
};

describe('each form of the account and the console', () => {
  const paths = ROUTES.map(({ path }) => path).filter((path) => /^\/(account|admin)(\/|$)/.test(path));

  test('is in the table above', () => {
    assert.deepEqual(Object.keys(FORMS).sort(), paths.toSorted());
  });

  for (const [path, form] of Object.entries(FORMS)) {
    if ('because' in form) continue;
    test(`${path} does what was asked for after another sign-in with a passkey`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const { knex } = server.database;
      const mei = await newcomer(server, 'mei');
      await register(mei.browser, await accountPlace(server, mei.id), new Authenticator(server.issuer));
      await form.prepare?.(server, mei.id);
      const { id: key } = await knex('T_webauthn_credentials').orderBy('id', 'desc').first('id');
      const page = await mei.browser.get(form.page ?? SECURITY);
      const html = await page.text();
      const sent = Object.fromEntries(
        [...(new RegExp(`action="${path}">(.*?)</form>`, 's').exec(html)?.[1] ?? '').matchAll(HIDDEN)].map(
          ([, name, value]) => [name, value],
        ),
      );
      await age(server);
      const fields = { ...sent, ...(path.endsWith('keys') ? { key } : {}), ...form.fields };
      const login = await mei.browser.follow(await mei.browser.post(path, fields));
      assert.match(await textOf(login.clone()), new RegExp(`Confirm it is you to ${form.says}`));
      const { body } = await authenticate(mei.browser, await placeOf(login), mei.key);
      const ready = await mei.browser.follow(await mei.browser.get(new URL(String(body.location)).pathname));
      assert.equal(new URL(ready.url).pathname, '/account/confirm');
      const { action, fields: kept } = await formOf(ready);
      const done = await mei.browser.post(action, kept);
      assert.ok(done.status === 303 || done.status === 200, `${done.status}`);
      assert.doesNotMatch(done.headers.get('location') ?? '', /\/auth/);
      const actions = await knex('T_auth_audit_log').pluck('action');
      if (form.event) assert.ok(actions.includes(form.event), actions.join());
      if (path.endsWith('email')) await server.sink.to('mei@elsewhere.example');
    });
  }
});
