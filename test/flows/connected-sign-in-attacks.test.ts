import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  addSignInGoogle,
  createLinked,
  leaveToSignIn,
  signInWithService,
} from '../support/builders/connected-sign-in.ts';
import { allow, leaveFor } from '../support/builders/connections.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const SECURITY = '/account/security';

describe('an attack on signing in with a connected account', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const rows = (table: string) => shared.server.database.knex(table);
  const isSignedIn = async (browser: Browser) => (await browser.get(SECURITY)).status === 200;

  test('by a link to the return of another browser signs nobody in (login CSRF)', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server);
    await createLinked(server, google, 'mallory');
    const { browser, target, at } = await leaveToSignIn(server);
    const back = await allow(target);
    // The victim has begun a sign-in, too, so every cookie is there.
    const victim = await leaveToSignIn(server);
    for (const url of [
      back,
      `${victim.at}/sign-in-with?${back.split('?')[1]}`,
      `${at}/sign-in-with?${back.split('?')[1]}`,
    ]) {
      const page = await victim.browser.follow(await victim.browser.get(url));
      assert.ok(page.status >= 400, `${url} ${page.status}`);
      assert.equal(await isSignedIn(victim.browser), false);
    }
    assert.equal(google.counts.codes, 1, 'only that of the connection');
    await browser.follow(await browser.get(back));
    assert.equal(await isSignedIn(browser), true, 'it was still good for its own browser');
  });

  test('by a return without the cookie of the visit, or in another request of the browser, is refused', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'seventh');
    await createLinked(server, google, 'gus', { service: 'seventh' });
    const first = await leaveToSignIn(server, { service: 'seventh' });
    const second = await leaveToSignIn(server, { service: 'seventh', browser: first.browser });
    assert.notEqual(first.at, second.at);
    const { browser } = first;
    const query = (await allow(first.target)).split('?')[1];
    assert.equal((await browser.get(`${second.at}/sign-in-with?${query}`)).status, 400);
    const kept = [...browser.cookies];
    for (const [name] of kept) if (name.includes('latchkey_browser')) browser.cookies.delete(name);
    assert.equal((await browser.get(`${first.at}/sign-in-with?${query}`)).status, 400);
    assert.equal(await isSignedIn(browser), false);
    for (const [name, cookie] of kept) browser.cookies.set(name, cookie);
    await browser.follow(await browser.get(`${first.at}/sign-in-with?${query}`));
    assert.equal(await isSignedIn(browser), true);
  });

  test('by a second return, a doubled code or an invented state is refused', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'second');
    await createLinked(server, google, 'ada', { service: 'second' });
    const { browser, target, at } = await leaveToSignIn(server, { service: 'second' });
    const back = await allow(target);
    const query = back.split('?')[1];
    const refused = async (url: string, says: RegExp) => {
      const page = await browser.follow(await browser.get(url));
      assert.ok(page.status >= 400);
      assert.match(await textOf(page), says);
      assert.equal(await isSignedIn(browser), false);
    };
    await refused(`${at}/sign-in-with`, /did not begin on this page/);
    await refused(`${at}/sign-in-with?state=x&code=y`, /did not begin on this page/);
    await refused(`${at}/sign-in-with?state=x&state=y&code=y`, /did not begin on this page/);
    await refused(`${at}/sign-in-with?${query}&code=another`, /You are not signed in/);
    await refused(`${at}/sign-in-with?${query}`, /did not begin|completed already/);
    const fresh = await allow((await leaveToSignIn(server, { service: 'second', browser })).target);
    await rows('T_upstream_states').update({ expires_at: new Date(0) });
    await refused(fresh, /took too long/);
    const last = await allow((await leaveToSignIn(server, { service: 'second', browser })).target);
    await browser.follow(await browser.get(last));
    assert.equal(await isSignedIn(browser), true);
    const again = await browser.follow(await browser.get(last));
    assert.ok(again.status >= 400);
    assert.equal(google.counts.codes, 2);
  });

  test('by the answer of another server is refused (mix-up), as are forged ID tokens', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'third');
    const other = await addSignInGoogle(t, server, 'other');
    await createLinked(server, google, 'bo', { service: 'third' });
    other.knobs.user = google.knobs.user;
    const refused = async (change: Partial<typeof google.knobs>) => {
      Object.assign(google.knobs, change);
      const { browser, page } = await signInWithService(server, { service: 'third' });
      assert.ok(page.status >= 400);
      assert.match(await textOf(page), /You are not signed in/);
      assert.equal(await isSignedIn(browser), false);
      google.knobs.iss = undefined;
      google.knobs.idToken = {};
      google.knobs.denies = undefined;
    };
    await refused({ iss: other.url });
    await refused({ denies: 'access_denied' });
    for (const idToken of [
      { nonce: 'x' },
      { aud: 'x' },
      { iss: other.url },
      { exp: 1 },
      { sub: '' },
      { sub: ' sub-bo' },
    ])
      await refused({ idToken });
    // The same identifier at another service is another person.
    const { browser, page } = await signInWithService(server, { service: 'other' });
    assert.equal(page.status, 401);
    assert.equal(await isSignedIn(browser), false);
    // The answer of one service at the callback of the other.
    const left = await leaveToSignIn(server, { service: 'other' });
    const back = (await allow(left.target)).replace('/connections/other/', '/connections/third/');
    const mixed = await left.browser.follow(await left.browser.get(back));
    assert.ok(mixed.status >= 400);
    assert.equal(await isSignedIn(left.browser), false);
  });

  test('ends each visit as what it began: a connection signs nobody in, and a sign-in connects nothing', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fourth');
    const cy = await createLinked(server, google, 'cy', { service: 'fourth' });
    const before = JSON.stringify(await rows('T_oauth_tokens').where({ is_active: true }));
    const connecting = await leaveFor(cy.browser, 'fourth');
    // The browser in which the connection began, after its user signed out.
    const browser = new Browser(server.issuer);
    for (const [name, cookie] of cy.browser.cookies)
      if (name.includes('latchkey_browser')) browser.cookies.set(name, cookie);
    const { at } = await leaveToSignIn(server, { service: 'fourth', browser });
    const query = (await allow(connecting)).split('?')[1];
    const page = await browser.get(`${at}/sign-in-with?${query}`);
    assert.equal(page.status, 400);
    assert.equal(await isSignedIn(browser), false);
    const signing = await leaveToSignIn(server, { service: 'fourth', path: '/', browser: cy.browser }).catch(
      () => undefined,
    );
    assert.equal(signing, undefined, 'a signed-in person is asked for nothing');
    assert.equal(JSON.stringify(await rows('T_oauth_tokens').where({ is_active: true })), before);
  });

  test('gets a session with a new id, and a session of another account is replaced (fixation)', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fifth');
    const di = await createLinked(server, google, 'di', { service: 'fifth' });
    const eve = await server.createAccount('eve');
    const { browser } = await visit(server, eve, SECURITY);
    const sessionOf = () => [...browser.cookies].find(([name]) => /_session$/.test(name))?.[1].value;
    const before = sessionOf();
    const path = `/auth?${new URLSearchParams({
      client_id: 'latchkey',
      response_type: 'code',
      redirect_uri: `${server.issuer}/signed-in`,
      scope: 'openid',
      state: SECURITY,
      prompt: 'select_account',
    })}`;
    const choice = await browser.follow(await browser.get(path));
    const html = await choice.text();
    const csrf = String(/name="csrf" value="([^"]+)"/.exec(html)?.[1]);
    const { pathname } = new URL(choice.url);
    const login = await browser.follow(await browser.post(pathname, { csrf, account: 'other' }));
    const action = `${pathname}/sign-in-with`;
    const form = /action="[^"]*sign-in-with">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(
      await login.text(),
    );
    const answer = await browser.post(action, { csrf: String(form?.[1]), service: 'fifth' });
    const back = await allow(new URL(String(answer.headers.get('location'))));
    const leaving = await formOf(await browser.follow(await browser.get(back)));
    await browser.follow(await browser.post(leaving.action, leaving.fields));
    const page = await browser.get(SECURITY);
    assert.match(await textOf(page), /Security di /);
    assert.notEqual(sessionOf(), before);
    assert.ok(di.id);
  });

  test('without the form, or from another page, does not begin', async (t) => {
    const { server } = shared;
    await addSignInGoogle(t, server, 'sixth');
    const { browser, at } = await leaveToSignIn(server, { service: 'sixth' });
    const action = `${at}/sign-in-with`;
    assert.equal((await browser.post(action, { service: 'sixth' })).status, 403);
    const other = await leaveToSignIn(server, { service: 'sixth' });
    assert.equal((await browser.post(`${other.at}/sign-in-with`, { service: 'sixth' })).status, 403);
    const foreign = await browser.post(action, { service: 'sixth' }, { origin: 'https://evil.example' });
    assert.equal(foreign.status, 403);
  });
});
