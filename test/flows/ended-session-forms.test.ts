import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { Authenticator } from '../support/authenticator.ts';
import { type Browser, formOf } from '../support/browser.ts';
import { FILLED_FORMS } from '../support/builders/filled-forms.ts';
import { accountPlace, register } from '../support/builders/passkey.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECURITY = '/account/security';
const NEW = '/admin/invitations/new';
const SHOWN_AGAIN = /You were signed out before this form was sent/;
const SCOPES =
  'openid profile email latchkey:invitations latchkey:keys latchkey:clients latchkey:accounts latchkey:connections notes:read';

const endSessions = ({ database }: TestServer) => database.knex('T_user_sessions').delete();

/** Signs in where the browser was sent. */
async function signIn(browser: Browser, answer: Response, person: { username: string; password: string }) {
  const { action, fields } = await formOf(await browser.follow(answer));
  const { username, password } = person;
  return browser.follow(await browser.post(action, { ...fields, username, password }));
}

/** The hidden fields of the form with that action, on the page where it stands. */
async function openForm(browser: Browser, page: string, action: string): Promise<Record<string, string>> {
  const html = await (await browser.get(page)).text();
  const form = new RegExp(`action="${action}">(.*?)</form>`, 's').exec(html)?.[1] ?? '';
  const hidden = form.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g);
  return Object.fromEntries([...hidden].map(([, name, value]) => [String(name), String(value)]));
}

/** The values of the cookie in which a form is kept, opened. */
const keptIn = (server: TestServer, browser: Browser) => {
  const [, cookie] = [...browser.cookies].find(([name]) => name.endsWith('latchkey_action')) ?? [];
  assert.ok(cookie, 'the form is kept');
  return server.services.secrets.open(cookie.value, { table: 'cookie', column: 'action', id: '' });
};

async function setUp(t: { after(work: () => void): void }) {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', SCOPES);
  const { browser } = await visit(server, ada, SECURITY);
  await register(browser, await accountPlace(server, ada.id), new Authenticator(server.issuer));
  return { server, ada, browser };
}

describe('a form whose session has ended', () => {
  test('is in the table of filled-in forms', () => {
    const served = ROUTES.filter(({ path }) => /^\/(account|admin)/.test(path)).map(({ path }) => path);
    const withoutForm = [
      '/account',
      '/account/activity',
      '/account/closed',
      '/account/data/archive',
      '/account/applications',
      '/account/confirm',
      '/account/recover',
      '/account/connections',
      '/account/requests',
      '/account/sessions',
      '/admin',
      '/admin/invitations',
      '/admin/invitations/:id',
      '/admin/services',
      '/admin/services/new',
      '/admin/accounts',
      '/admin/accounts/details',
      '/admin/applications',
      '/admin/applications/details',
      '/admin/signing-keys',
      '/admin/trace',
    ];
    const expected = served.filter((path) => !withoutForm.includes(path));
    assert.deepEqual(Object.keys(FILLED_FORMS).sort(), expected.sort());
  });

  for (const [route, fill] of Object.entries(FILLED_FORMS))
    test(`${route}: is shown again after a sign-in, without its secrets, and nothing was done`, async (t) => {
      const { server, ada, browser } = await setUp(t);
      const { page, fields, shown = [] } = await fill(server);
      const path = route.replace(/:\w+/, page.split('/').at(-1) ?? '');
      const hidden = await openForm(browser, page, path);
      await endSessions(server);
      const events = await server.database.knex('T_auth_audit_log').whereNot({ action: 'session.ended' });
      const answer = await browser.post(path, { ...hidden, csrf: hidden.csrf ?? 'x', ...fields });
      assert.equal(answer.status, 303);
      if (hidden.csrf) assert.doesNotMatch(keptIn(server, browser), /secret|123456/);
      assert.equal((await server.database.knex('T_auth_audit_log')).length, events.length);

      const login = await browser.follow(answer);
      if (hidden.csrf)
        assert.match(await textOf(login.clone()), /You were signed out before your form was sent/);
      const { action, fields: own } = await formOf(login);
      const { username, password } = ada;
      const again = await browser.follow(await browser.post(action, { ...own, username, password }));
      assert.equal(new URL(again.url).pathname, page);
      const html = await again.text();
      if (hidden.csrf) assert.match(html, SHOWN_AGAIN);
      for (const text of shown) assert.ok(html.includes(text), text);
      assert.doesNotMatch(html, /a secret of mine|123456/);
      const later = await browser.get(page);
      assert.doesNotMatch(await later.text(), SHOWN_AGAIN);
    });

  test('is done when its user presses the button again', async (t) => {
    const { server, ada, browser } = await setUp(t);
    const hidden = await openForm(browser, NEW, NEW);
    await endSessions(server);
    const typed = { label: 'Tomasz', scope: 'openid', expires_in: '7d', max_uses: '1', count: '1' };
    const again = await signIn(browser, await browser.post(NEW, { ...hidden, ...typed }), ada);
    assert.equal((await server.database.knex('T_invitations')).length, 0);
    const { action, fields } = await formOf(again);
    const done = await browser.post(action, { ...fields, ...typed });
    assert.match(await textOf(done), /Invitation for Tomasz/);
    assert.equal((await server.database.knex('T_invitations')).length, 1);
  });

  test('is shown again if its user has signed in again in another tab', async (t) => {
    const { server, ada, browser } = await setUp(t);
    const hidden = await openForm(browser, NEW, NEW);
    await endSessions(server);
    await visit(server, ada, SECURITY, browser);
    const answer = await browser.post(NEW, { ...hidden, label: 'Tomasz', scope: 'openid' });
    assert.equal(answer.headers.get('location'), NEW);
    const html = await (await browser.get(NEW)).text();
    assert.ok(SHOWN_AGAIN.test(html) && html.includes('value="Tomasz"'));
  });

  test('shows nothing of what was typed to another account', async (t) => {
    const { server, browser } = await setUp(t);
    const eve = await server.createAccount('eve', SCOPES);
    const hidden = await openForm(browser, NEW, NEW);
    await endSessions(server);
    const page = await signIn(browser, await browser.post(NEW, { ...hidden, label: 'Tomasz' }), eve);
    assert.equal(new URL(page.url).pathname, NEW);
    const html = await page.text();
    assert.ok(!html.includes('Tomasz') && !SHOWN_AGAIN.test(html));
  });

  test('that another site sent is refused and not kept', async (t) => {
    const { server, browser } = await setUp(t);
    await endSessions(server);
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const answer = await browser.post(NEW, { label: 'planted' }, headers);
      assert.equal(answer.status, 403);
      assert.deepEqual(answer.headers.getSetCookie(), []);
    }
  });

  test('that is too long for a cookie loses its last fields only', async (t) => {
    const { server, ada, browser } = await setUp(t);
    const hidden = await openForm(browser, NEW, NEW);
    await endSessions(server);
    const typed = { label: 'Ž'.repeat(200), roles: 'editor', scope: `openid ${'x'.repeat(3000)}` };
    const answer = await browser.post(NEW, { ...hidden, ...typed });
    const [cookie = ''] = answer.headers.getSetCookie().filter((line) => line.includes('latchkey_action'));
    assert.ok(cookie.length < 4096, `${cookie.length}`);
    const html = await (await signIn(browser, answer, ada)).text();
    assert.ok(html.includes(typed.label) && html.includes('value="editor"') && !html.includes('xxx'));
  });
});
