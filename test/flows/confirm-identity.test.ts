import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { Authenticator } from '../support/authenticator.ts';
import { formOf } from '../support/browser.ts';
import { FORMS } from '../support/builders/confirmed-forms.ts';
import { accountPlace, authenticate, newcomer, placeOf, register } from '../support/builders/passkey.ts';
import { age, textOf } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const SECURITY = '/account/security';

const HIDDEN = /<input type="hidden" name="(\w+)" value="([^"]*)"/g;

describe('each form of the account and the console', () => {
  const paths = ROUTES.map(({ path }) => path).filter((path) => /^\/(account|admin)(\/|$)/.test(path));

  test('is in the table of forms', () => {
    assert.deepEqual(Object.keys(FORMS).sort(), paths.toSorted());
  });

  for (const [route, form] of Object.entries(FORMS)) {
    if ('because' in form) continue;
    const path = route.replace(':service', 'google');
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
      const [, kid = ''] = /name="kid" value="([^"]+)"/.exec(html) ?? [];
      const own = { ...(path.endsWith('keys') && { key }), ...('kid' in form.fields && { kid }) };
      const fields = { ...sent, ...form.fields, ...own };
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
