import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { addSignInGoogle, signInWithService } from '../support/builders/connected-sign-in.ts';
import { allow } from '../support/builders/connections.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const SECURITY = '/account/security';

describe('signing up with an invitation and an account of another service', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const rows = (table: string) => shared.server.database.knex(table);
  const usesOf = async (id: string) => (await rows('T_invitations').where({ id }).first()).uses;

  /** Fills in the form and presses "Continue with". @returns where the browser is sent, or the page */
  async function leave(code: string, person: Record<string, string>, service: string) {
    const { browser, page } = await open(shared.server, code);
    const answer = await signUp(browser, page, { password: '', service, ...person });
    return { browser, answer, location: answer.headers.get('location') };
  }
  async function complete(browser: Browser, location: string | null): Promise<Response> {
    return browser.follow(await browser.get(await allow(new URL(String(location)))));
  }

  test('creates the account, its link and the redemption at once, and signs in with it from then on', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server);
    google.knobs.user = { sub: 'new-ada', email: 'someone@gmail.example', name: 'Ada' };
    const { id, code } = await invite(server, { scope: 'openid profile email notes:read' });
    const { browser, location } = await leave(code, { username: 'ada', name: 'Ada L.' }, 'google');
    assert.equal((await rows('T_accounts').where({ username: 'ada' })).length, 0);
    const page = await complete(browser, location);
    const text = await textOf(page);
    assert.match(text, /Your account is ready/);
    assert.match(text, /Signing in With your account at Google\./);
    assert.match(text, /You sign in only with your account at Google.*you cannot sign in\. Add a passkey/);
    const account = await rows('T_accounts').where({ username: 'ada' }).first();
    assert.equal(account.name, 'Ada L.');
    assert.equal(account.email, null, 'the address there is not taken over');
    assert.deepEqual(JSON.parse(account.scopes), ['openid', 'profile', 'email', 'notes:read']);
    assert.equal(await usesOf(id), 1);
    assert.equal((await rows('T_credentials').where({ account_id: account.id })).length, 0);
    const link = await rows('T_user_providers').where({ account_id: account.id }).first();
    assert.equal(Boolean(link.is_active), false, 'applications cannot use it');
    assert.equal((await rows('T_oauth_tokens').where({ user_provider_id: link.id })).length, 0);
    const again = await signInWithService(server);
    assert.equal(new URL(again.page.url).pathname, SECURITY);
    assert.match(await textOf(again.page), /With your account at Google\./);
    const own = await textOf(await again.browser.get('/account/connections/google'));
    assert.match(own, /Only for signing in Applications cannot use it\..*To let them, connect it below\./);

    await t.test('the account there cannot sign up a second time', async () => {
      const second = await invite(server);
      const left = await leave(second.code, { username: 'ada.two' }, 'google');
      const refused = await complete(left.browser, left.location);
      assert.match(await textOf(refused), /is connected to another account on this server/);
      assert.equal((await rows('T_accounts').where({ username: 'ada.two' })).length, 0);
      assert.equal(await usesOf(second.id), 0);
    });
  });

  test('with an invitation for one address needs that address, checked by the service', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'second');
    const { id, code } = await invite(server, { email: 'bo@harbour.example' });
    const tries = [
      [{ email: 'eve@harbour.example' }, {}],
      [{ email: 'bo@harbour.example' }, { email_verified: false }],
      [{ email: 'bo@harbour.example' }, { email_verified: 'true' }],
      [{ email: 'bo@harbour.example.evil.example' }, {}],
    ] as const;
    for (const [user, idToken] of tries) {
      google.knobs.user = { sub: 'bo', name: 'Bo', ...user };
      google.knobs.idToken = idToken;
      const { browser, location } = await leave(code, { username: 'bo' }, 'second');
      const page = await complete(browser, location);
      assert.equal(page.status, 400);
      const html = await page.text();
      assert.match(
        html,
        /This invitation is for bo@harbour\.example, and Google does not say that this address is yours/,
      );
      assert.match(html, /value="bo"/, 'what was typed is there again');
      assert.equal(await usesOf(id), 0);
    }
    google.knobs.idToken = {};
    google.knobs.user = { sub: 'bo', name: 'Bo', email: 'Bo@Harbour.example' };
    const { browser, location } = await leave(
      code,
      { username: 'bo', email: 'other@evil.example' },
      'second',
    );
    assert.match(await textOf(await complete(browser, location)), /Your account is ready/);
    const account = await rows('T_accounts').where({ username: 'bo' }).first();
    assert.equal(account.requested_email ?? account.email, 'bo@harbour.example');
    assert.equal(await usesOf(id), 1);
  });

  test('checks the form before the visit, and again after it', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'third');
    google.knobs.user = { sub: 'cy', email: 'cy@gmail.example', name: 'Cy' };
    await server.createAccount('taken');
    const { id, code } = await invite(server);
    for (const [username, says] of [
      ['', /Enter a username|username/],
      ['taken', /taken/],
    ] as const) {
      const { answer, location } = await leave(code, { username }, 'third');
      assert.equal(location, null);
      assert.match(await textOf(answer), says);
    }
    const first = await leave(code, { username: 'cy' }, 'third');
    await server.createAccount('cy');
    const page = await complete(first.browser, first.location);
    assert.equal(page.status, 400);
    assert.match(await textOf(page), /There is a problem.*taken/);
    assert.equal(await usesOf(id), 0);
    assert.equal((await rows('T_user_providers').where({ provider: 'third' })).length, 0);

    const second = await leave(code, { username: 'cy.two' }, 'third');
    await server.invitations.revoke({ accountId: null }, id);
    assert.match(await textOf(await complete(second.browser, second.location)), /was withdrawn/);
    assert.equal((await rows('T_accounts').where({ username: 'cy.two' })).length, 0);
  });

  test('does not use another invitation that was opened during the visit', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fourth');
    google.knobs.user = { sub: 'di', email: 'di@gmail.example', name: 'Di' };
    const [mine, other] = [await invite(server), await invite(server, { scope: 'openid notes:read' })];
    const { browser, location } = await leave(mine.code, { username: 'di' }, 'fourth');
    const back = await allow(new URL(String(location)));
    await open(server, other.code, browser);
    const page = await browser.follow(await browser.get(back));
    assert.match(await textOf(page.clone()), /You are invited/);
    assert.equal(await usesOf(mine.id), 0);
    assert.equal(await usesOf(other.id), 0);
    assert.ok((await formOf(page)).fields.invitation);
  });
});
