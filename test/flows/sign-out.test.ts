import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, call, refresh, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { countRows } from '../support/rows.ts';
import { startServer } from '../support/server.ts';

const HOME = 'https://fieldnotes.example/';

for (const engine of engines) {
  describe(`signing out on ${engine}`, () => {
    test('the last page does not fail over a parameter that was sent twice', async (t) => {
      const server = await startServer(t, engine);
      const { client_id: id } = await server.createClient();
      const url = `${server.issuer}/session/end/success?client_id=${id}&client_id=${id}`;
      assert.ok((await fetch(url)).status < 500);
    });

    test('the last page says that someone is still signed in only if that is so', async (t) => {
      const server = await startServer(t, engine);
      const { client_id: id } = await server.createClient();
      const response = await fetch(`${server.issuer}/session/end/success?client_id=${id}`);
      const text = await response.text();
      assert.match(text, /<h1>You are signed out<\/h1>/);
      assert.doesNotMatch(text, /still signed in/);
    });

    test('ends the session and its tokens on the server; offline access stays', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ postLogoutRedirectUris: [HOME] });
      const person = await server.createAccount();
      const away = await signInWith(server, client, person, {
        scope: 'openid offline_access',
        prompt: 'consent',
      });
      const { tokens, browser } = await signInWith(
        server,
        await server.createClient(),
        person,
        {},
        away.browser,
      );
      const stolen = new Map(browser.cookies);

      const params = new URLSearchParams({
        id_token_hint: String(away.tokens.body.id_token),
        post_logout_redirect_uri: HOME,
        state: 'st',
      });
      const left = await browser.get(`/session/end?${params}`);
      assert.equal(left.status, 303);
      assert.equal(left.headers.get('location'), `${HOME}?state=st`);

      for (const [key, cookie] of stolen) browser.cookies.set(key, cookie);
      const silent = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
      assert.equal(new URL(silent.headers.get('location') ?? '').searchParams.get('error'), 'login_required');
      const me = await fetch(`${server.issuer}/me`, {
        headers: { authorization: `Bearer ${tokens.body.access_token}` },
      });
      assert.equal(me.status, 401);
      assert.equal((await refresh(server, client, away.tokens.body.refresh_token)).status, 200);
      const sessions = await server.database.knex('T_user_sessions');
      assert.ok(sessions.every((row) => row.account_id === null || !row.is_active));
    });

    test('needs a confirmation, after a link and after a form of another site', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ postLogoutRedirectUris: [HOME] });
      const { browser, tokens } = await signInWith(server, client, await server.createAccount());
      const asked = await browser.get('/session/end');
      assert.equal(asked.status, 200);
      const { action, fields } = await formOf(asked);
      assert.equal((await browser.post(action, { logout: 'yes' })).status, 403);
      assert.equal((await browser.post(action, { xsrf: 'x', logout: 'yes' })).status, 403);
      assert.equal(
        (await browser.post(action, { ...fields, logout: 'yes' }, { origin: 'https://evil.example' })).status,
        403,
      );
      const forged = `/session/end?post_logout_redirect_uri=https://evil.example&client_id=${client.client_id}`;
      const refused = await browser.get(forged);
      assert.equal(refused.status, 400);
      assert.equal(refused.headers.get('location'), null);
      const info = await call(server, client, '/token/introspection', { token: tokens.body.access_token });
      assert.equal(info.body.active, true);
    });

    test('asks nothing when the ID token is of the session, and asks with one of another sign-in', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ postLogoutRedirectUris: [HOME] });
      const person = await server.createAccount();
      const { browser, tokens } = await signInWith(server, client, person);
      const hintOf = (idToken: unknown) =>
        `/session/end?${new URLSearchParams({ id_token_hint: String(idToken), post_logout_redirect_uri: HOME, state: 's' })}`;
      const elsewhere = await signInWith(server, client, await server.createAccount('mei'));
      const asked = await browser.get(hintOf(elsewhere.tokens.body.id_token));
      assert.equal(asked.status, 200);
      assert.match(await asked.text(), /Sign out\?/);
      const left = await browser.get(hintOf(tokens.body.id_token));
      assert.equal(left.status, 303);
      assert.equal(left.headers.get('location'), `${HOME}?state=s`);
      const info = await call(server, client, '/token/introspection', { token: tokens.body.access_token });
      assert.equal(info.body.active, false);
      assert.match(
        String((await browser.get('/')).headers.get('location') ?? 'signed out'),
        /auth|signed out/,
      );
    });

    test('an address that is not registered is named, and the user can still sign out', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ postLogoutRedirectUris: [HOME] });
      const { browser } = await signInWith(server, client, await server.createAccount());
      const query = new URLSearchParams({
        client_id: client.client_id,
        post_logout_redirect_uri: 'https://fieldnotes.example/elsewhere',
      });
      const refused = await browser.get(`/session/end?${query}`);
      assert.equal(refused.status, 400);
      assert.equal(refused.headers.get('location'), null);
      const page = await refused.text();
      assert.match(page, /Fieldnotes asked to send you on to an address that is not registered here/);
      const [, link = ''] = /href="([^"]*session\/end[^"]*)"/.exec(page) ?? [];
      const { action, fields } = await formOf(await browser.get(link.replaceAll('&amp;', '&')));
      assert.equal((await browser.post(action, { ...fields, logout: 'yes' })).status, 303);
      const visitor = await browser.get(`/session/end?${query}`);
      assert.match(await visitor.text(), /You are signed out/);
    });

    test('without a session goes straight on, sets no cookie and writes nothing', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ postLogoutRedirectUris: [HOME] });
      const { tokens } = await signInWith(server, client, await server.createAccount());
      const rows = await countRows(server.database);
      const hint = { id_token_hint: String(tokens.body.id_token) };
      const named = { client_id: client.client_id, post_logout_redirect_uri: HOME };
      const ways: [Record<string, string>, string][] = [
        [{}, `${server.issuer}/session/end/success`],
        [hint, `${server.issuer}/session/end/success`],
        [{ ...named, state: 'a b&c' }, `${HOME}?state=a+b%26c`],
        [{ ...hint, post_logout_redirect_uri: HOME }, HOME],
      ];
      for (const [params, target] of ways) {
        const visitor = new Browser(server.issuer);
        const answer = await visitor.get(`/session/end?${new URLSearchParams(params)}`);
        assert.equal(answer.status, 303);
        assert.equal(new URL(String(answer.headers.get('location')), server.issuer).href, target);
        assert.deepEqual(answer.headers.getSetCookie(), []);
      }
      const done = await new Browser(server.issuer).get('/session/end/success');
      assert.match(await done.text(), /You are signed out/);
      const forged = { ...named, post_logout_redirect_uri: 'https://evil.example' };
      const refused = await new Browser(server.issuer).get(`/session/end?${new URLSearchParams(forged)}`);
      assert.equal(refused.status, 400);
      const { T_auth_audit_log: events = 0, ...others } = await countRows(server.database);
      const { T_auth_audit_log: before = 0, ...othersBefore } = rows;
      assert.deepEqual(others, othersBefore);
      assert.ok(events <= before + 1, 'but the refused address');
    });
  });
}
