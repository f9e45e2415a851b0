import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf, authorization, redeem, refresh, walk } from '../support/builders/authorization.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import {
  accountPlace,
  authenticate,
  register,
  signInPage,
  typePassword,
} from '../support/builders/passkey.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { codeOf, secondFactorOf, sendCode, withApp } from '../support/builders/second-factor.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const VICTIM = 'mei@harbour.example';
const MALLORY = { username: 'mallory', password: PASSWORD };
const SECURITY = '/account/security';

/** Signs up with an invitation and somebody else's address. @returns the browser, signed in */
async function signUpWith(server: TestServer, fields: Record<string, string>): Promise<Browser> {
  const scope = 'openid profile email latchkey:invitations';
  const { browser, page } = await open(server, (await invite(server, { scope })).code);
  await browser.follow(await signUp(browser, page, fields));
  assert.equal((await browser.get(SECURITY)).status, 200);
  return browser;
}

/** Everything with which the creator of an account could come back to it. */
async function prepare(t: TestContext, engine: EngineName) {
  const server = await startServer(t, engine);
  const client = await server.createClient({ grantTypes: ['authorization_code', 'refresh_token'] });
  const browser = await signUpWith(server, { username: MALLORY.username, email: VICTIM });
  const { id } = await server.accounts.show(MALLORY.username);
  const request = authorization(client, { scope: 'openid offline_access', prompt: 'consent' });
  const code = answerOf(await walk(browser, request, MALLORY)).get('code');
  const { body: tokens } = await redeem(server, client, request, code);
  assert.ok(tokens.refresh_token);
  const halfway = await signInPage(server, client);
  const login = await halfway.browser.get(halfway.place.interaction ?? '');
  const afterPassword = await typePassword(halfway.browser, login, MALLORY);
  const passkey = new Authenticator(server.issuer);
  const added = await register(browser, await accountPlace(server, id), passkey);
  assert.deepEqual([added.status, added.body.is_signed], [200, true]);
  const app = await withApp(server, { id, username: MALLORY.username });
  const recoveryCodes = await secondFactorOf(server).recoveryCodes.create(id);
  const { recovery, invitations } = server;
  await recovery.requestEmailChange(id, 'mallory@elsewhere.example');
  const { link: change = '' } = await server.sink.to('mallory@elsewhere.example');
  const { url: recoveryLink } = await recovery.createRecoveryLink(OPERATOR, MALLORY.username);
  const [invitation] = await invitations.create({ accountId: id }, { scope: 'openid' });
  assert.ok(invitation);
  return {
    server,
    client,
    browser,
    id,
    tokens,
    halfway: { browser: halfway.browser, afterPassword },
    passkey,
    app,
    recoveryCodes,
    change,
    recoveryLink,
    invitation,
  };
}

const linkFrom = async (server: TestServer, after = 0) => (await server.sink.to(VICTIM, after)).link ?? '';

for (const engine of engines) {
  describe(`an address that somebody else entered, on ${engine}`, () => {
    test('a password reset that confirms it for the first time ends all that was set up before', async (t) => {
      const { server, client, browser, id, tokens, ...kept } = await prepare(t, engine);
      const { knex } = server.database;
      await server.settled();
      const before = server.sink.mails.filter(({ to }) => to[0] === VICTIM).length;
      const link = await resetLink(server, VICTIM, before);
      assert.match((await server.sink.to(VICTIM, before)).text, /Nobody has confirmed the address yet/);
      const owner = await openLink(server, link);
      assert.match(await textOf(owner.page.clone()), /Nobody has confirmed the e-mail address/);
      const reset = await send(owner.browser, owner.page, { password: NEW_PASSWORD });
      const done = await textOf(await owner.browser.follow(reset));
      assert.match(done, /everything that was set up on the account before has been removed/);

      const account = await server.accounts.show(MALLORY.username);
      assert.deepEqual([account.email, account.email_verified, account.pending_email], [VICTIM, true, null]);
      assert.deepEqual(await secondFactorOf(server).getFactors(id), {
        keys: 0,
        totp: false,
        recoveryCodes: 0,
        hasAddedFactor: false,
      });
      const alone = await signInPage(server, client);
      assert.equal((await authenticate(alone.browser, alone.place, kept.passkey)).status, 401, 'the passkey');
      assert.equal((await browser.get(SECURITY)).status, 303, 'the session');
      const again = await refresh(server, client, tokens.refresh_token);
      assert.equal(again.body.error, 'invalid_grant', 'the refresh token');
      const resumed = await kept.halfway.browser.follow(kept.halfway.afterPassword);
      assert.doesNotMatch(String(resumed.headers.get('location')), /[?&]code=/, 'a sign-in under way');
      const place = await accountPlace(server, id).catch(() => ({ csrf: '' }));
      const late = await register(browser, place, new Authenticator(server.issuer));
      assert.equal(late.status, 403, 'another passkey');
      assert.equal((await openLink(server, kept.change)).page.status, 400, 'the change of the address');
      assert.equal((await openLink(server, kept.recoveryLink)).page.status, 400, 'the recovery link');
      const guest = await open(server, kept.invitation.code);
      assert.match(await textOf(guest.page), /This invitation was withdrawn/);
      assert.equal((await knex('T_known_browsers').where({ account_id: id })).length, 0);
      const grants = await knex('T_grants').where({ account_id: id }).whereNull('revoked_at');
      assert.equal(grants.length, 0, 'what applications were allowed');

      // No second factor is asked for: the one that was there has ended.
      const { page } = await visit(server, { ...MALLORY, password: NEW_PASSWORD }, SECURITY);
      assert.equal(page.status, 200);
      const events = await knex('T_auth_audit_log').where({ action: 'account.taken_over', account_id: id });
      assert.equal(events.length, 1);
    });

    test('nothing is added by a request that was under way when the address was confirmed', async (t) => {
      const { server, id } = await prepare(t, engine);
      const { recovery, services, database } = server;
      const { uid } = await database.knex('T_user_sessions').where({ account_id: id }).first('uid');
      const by = { session: uid };
      const { recoveryCodes } = secondFactorOf(server);
      await server.settled();
      const before = server.sink.mails.filter(({ to }) => to[0] === VICTIM).length;
      const reset = (await resetLink(server, VICTIM, before)).slice(-24);
      await Promise.allSettled([
        ...Array.from({ length: 5 }, () => recoveryCodes.create(id, by)),
        recovery.resetPassword(reset, NEW_PASSWORD),
        ...Array.from({ length: 5 }, () => recoveryCodes.create(id, by)),
      ]);
      assert.equal(await recoveryCodes.countUnused(id), 0);
      const signedOut = /You were signed out in the meantime/;
      await assert.rejects(recoveryCodes.create(id, by), signedOut);
      await assert.rejects(recovery.requestEmailChange(id, 'mallory@elsewhere.example', by), signedOut);
      const challenge = { id: '', accountId: id, userHandle: null, allowedKeyIds: null };
      const authenticator = {
        aaguid: '',
        transports: [] as string[],
        device_type: 'singleDevice' as const,
        backed_up: false,
      };
      const key = {
        kind: 'passkey',
        keyId: 'x',
        publicKey: 'x',
        attestationType: 'none',
        signCount: 0,
      } as const;
      const credential = { ...key, challenge, authenticator };
      await assert.rejects(services.passkeys.credentials.add({ accountId: id, credential, by }), signedOut);
    });

    test('a later reset of a confirmed address keeps keys, the app and recovery codes', async (t) => {
      const { server, id } = await prepare(t, engine);
      const confirmed = { email: VICTIM, email_verified: true };
      await server.database.knex('T_accounts').where({ id }).update(confirmed);
      await server.settled();
      const before = server.sink.mails.filter(({ to }) => to[0] === VICTIM).length;
      const owner = await openLink(server, await resetLink(server, VICTIM, before));
      assert.doesNotMatch(await textOf(owner.page.clone()), /Nobody has confirmed/);
      const reset = await send(owner.browser, owner.page, { password: NEW_PASSWORD });
      assert.match(await textOf(await owner.browser.follow(reset)), /is signed out everywhere/);
      const { keys, totp, recoveryCodes } = await secondFactorOf(server).getFactors(id);
      assert.deepEqual([keys, totp, recoveryCodes], [1, true, 10]);
    });

    test('the link in the mail confirms nothing for somebody who is not signed in to the account', async (t) => {
      const server = await startServer(t, engine);
      const mallory = await signUpWith(server, { username: MALLORY.username, email: VICTIM });
      const { id } = await server.accounts.show(MALLORY.username);
      const other = await visit(server, await server.createAccount('ada'), SECURITY);
      const isVerified = async () => (await server.accounts.show(MALLORY.username)).email_verified;
      for (const visitor of [new Browser(server.issuer), other.browser]) {
        const { page } = await openLink(server, await linkFrom(server), visitor);
        const html = await page.text();
        assert.match(html, /Sign in to confirm/);
        assert.match(html, /href="\/forgot"/);
        assert.doesNotMatch(html, /<form[^>]*action="\/verify"/);
      }
      // The form of another link of one's own does not confirm this one.
      const own = await openLink(server, await linkFrom(server), mallory);
      const { fields } = await formOf(own.page.clone());
      for (const csrf of [fields.csrf ?? '', ''])
        assert.ok((await other.browser.post('/verify', { csrf })).status !== 303);
      assert.equal(await isVerified(), false);
      await assert.rejects(
        server.recovery.verifyEmail((await linkFrom(server)).slice(-24), 'somebody'),
        /Sign in to the account that this link is for/,
      );
      assert.equal(await isVerified(), false, 'and the link is not used up');

      // In the browser in which the account was created, the address is confirmed, and everything stays.
      const passkey = new Authenticator(server.issuer);
      await register(mallory, await accountPlace(server, id), passkey);
      assert.equal((await send(mallory, own.page)).headers.get('location'), '/verify/done');
      assert.equal(await isVerified(), true);
      assert.equal((await mallory.get(SECURITY)).status, 200);
      assert.equal((await secondFactorOf(server).getFactors(id)).keys, 1);
    });

    test('after a sign-in the link leads on to the confirmation, and asks for the second factor on the way', async (t) => {
      const server = await startServer(t, engine);
      await signUpWith(server, { username: MALLORY.username, email: VICTIM });
      const { id } = await server.accounts.show(MALLORY.username);
      const secret = await withApp(server, { id, username: MALLORY.username });
      const { browser, page } = await openLink(server, await linkFrom(server));
      const href =
        /class="btn[^"]*" href="([^"]+)"/.exec(await page.text())?.[1]?.replaceAll('&amp;', '&') ?? '';
      const login = await browser.follow(await browser.get(href.replaceAll('&#38;', '&')));
      const asked = await browser.follow(await typePassword(browser, login, MALLORY));
      const confirm = await sendCode(browser, asked, codeOf(secret));
      assert.match(await textOf(confirm.clone()), /Confirm your e.mail address/);
      assert.equal((await send(browser, confirm)).headers.get('location'), '/verify/done');
      assert.equal((await server.accounts.show(MALLORY.username)).email_verified, true);
    });

    test('a change to somebody else’s address is confirmed only by somebody who is signed in', async (t) => {
      const server = await startServer(t, engine);
      const account = await server.createAccount('ada');
      await server.recovery.requestEmailChange(account.id, VICTIM);
      const { browser, page } = await openLink(server, await linkFrom(server));
      const html = await page.text();
      assert.match(html, /Sign in to confirm/);
      assert.doesNotMatch(html, /href="\/forgot"/, 'which knows only the present address');
      assert.equal((await browser.post('/verify', {})).status, 403);
      assert.equal((await server.accounts.show('ada')).email, 'ada@harbour.example');
    });

    test('an account that an operator created with an address keeps only the new password', async (t) => {
      const server = await startServer(t, engine);
      const account = await server.createAccount('ada');
      const { browser } = await visit(server, account, SECURITY);
      await register(browser, await accountPlace(server, account.id), new Authenticator(server.issuer));
      await server.settled();
      const owner = await openLink(server, await resetLink(server, 'ada@harbour.example', 1));
      await send(owner.browser, owner.page, { password: NEW_PASSWORD });
      assert.equal((await secondFactorOf(server).getFactors(account.id)).keys, 0);
      assert.equal((await browser.get(SECURITY)).status, 303);
    });
  });
}
