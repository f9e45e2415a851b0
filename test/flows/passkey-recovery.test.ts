import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authenticate, newcomer, placeOf, register, signInPage } from '../support/builders/passkey.ts';
import { forgot, openLink, send } from '../support/builders/password-reset.ts';
import { withApp } from '../support/builders/second-factor.ts';
import { startServer } from '../support/server.ts';
import { servicesOn } from '../support/services.ts';

type Options = NonNullable<Parameters<typeof startServer>[2]>['config'];

describe('passkey recovery by mail', () => {
  /** An account with a passkey and no password. */
  async function begin(t: Parameters<typeof startServer>[0], config: Options, isVerified = true) {
    const server = await startServer(t, 'sqlite', { config });
    const person = await newcomer(server, 'mei');
    const email = 'mei@harbour.example';
    const account = () => server.database.knex('T_accounts').where({ id: person.id });
    await account().update({ email, email_verified: isVerified });
    const ask = async () => {
      assert.equal((await forgot(server, email)).status, 303);
      await server.settled();
      return subjects();
    };
    const subjects = () => server.sink.mails.map(({ to, subject }) => `${to[0]} ${subject}`);
    return { server, person, email, account, ask, subjects };
  }

  test('where the policy allows it, a mailed link creates a new passkey, once, and ends all sessions', async (t) => {
    const { server, person, email, subjects } = await begin(t, { recoverByEmail: true });
    const { browser: stranger, request } = await signInPage(server, await server.createClient());
    assert.match(
      await (
        await stranger.follow(await stranger.get(`/auth?${new URLSearchParams(request.params)}`))
      ).text(),
      /Lost your password or passkey\?/,
    );
    assert.match(await (await stranger.get('/forgot')).text(), /<h1>Get back into your account<\/h1>/);
    await forgot(server, email);
    const { link = '' } = await server.sink.to(email);
    assert.match(link, /\/recover\?token=[\w-]{24}$/);
    const { browser, page } = await openLink(server, link);
    const place = { ...(await placeOf(page)), purpose: 'recovery', fields: { end: 'on' } };
    const key = new Authenticator(server.issuer);
    assert.equal((await register(browser, place, key)).status, 200);
    const used = await openLink(server, link, new Browser(server.issuer));
    assert.equal(used.page.status, 400);

    const again = await signInPage(server, await server.createClient());
    assert.equal((await authenticate(again.browser, again.place, key)).status, 200);
    assert.equal(
      (await person.browser.get('/account/security')).status,
      303,
      'the earlier session has ended',
    );
    await server.settled();
    assert.deepEqual(subjects(), [
      `${email} Create a new passkey`,
      `${email} A key was added to your account`,
    ]);
  });

  test('no link is mailed without the policy, to an unconfirmed address, or where a second factor is required', async (t) => {
    const cases: [Options, boolean][] = [
      [{}, true],
      [{ recoverByEmail: true }, false],
      [{ recoverByEmail: true, secondFactor: { everyone: true, scopes: [], roles: [] } }, true],
    ];
    for (const [config, isVerified] of cases) {
      const { server, ask } = await begin(t, config, isVerified);
      assert.deepEqual(await ask(), []);
      assert.equal(
        (await server.database.knex('T_account_links').where({ purpose: 'recover_passkey' })).length,
        0,
      );
    }
  });

  test('no link is mailed to an account with a second factor; an administrator’s link stays valid beside a mailed one', async (t) => {
    const { server, person, ask } = await begin(t, { recoverByEmail: true });
    const secret = await withApp(server, { id: person.id, username: 'mei' });
    assert.ok(secret);
    // The notice about the app may be sent first.
    const links = async () => (await ask()).filter((mail) => /Create a new passkey/.test(mail));
    assert.deepEqual(await links(), []);
    await server.database.knex('T_totp_secrets').where({ account_id: person.id }).delete();
    const { recovery: withoutPolicy } = servicesOn(server.database, server.issuer);
    const { url } = await withoutPolicy.createRecoveryLink({ accountId: null }, 'mei');
    assert.equal((await links()).length, 1);
    assert.ok(await withoutPolicy.findRecoveryLink(url.slice(-24)), 'the administrator’s link works');
    const mailed =
      new URL(server.sink.mails.at(-1)?.link ?? '', server.issuer).searchParams.get('token') ?? '';
    assert.equal(
      await withoutPolicy.findRecoveryLink(mailed),
      undefined,
      'a mailed link needs the policy when it is used, too',
    );
  });

  test('an account without a password can change its address shortly after a sign-in only', async (t) => {
    const { server, person, account } = await begin(t, {});
    const shown = await person.browser.get('/account/email');
    assert.doesNotMatch(await shown.clone().text(), /name="current"/);
    const form = await formOf(shown);
    const typed = { ...form.fields, email: 'mei@elsewhere.example' };
    assert.equal(
      (await person.browser.post(form.action, typed)).headers.get('location'),
      '/account/security?done=email',
    );
    const { link = '' } = await server.sink.to('mei@elsewhere.example');
    const { page } = await openLink(server, link, person.browser);
    await send(person.browser, page);
    assert.equal((await account().first('email')).email, 'mei@elsewhere.example');

    const sessions = server.database
      .knex('T_user_sessions')
      .where({ account_id: person.id, is_active: true });
    const { payload } = await sessions.clone().first('payload');
    const session = JSON.parse(payload);
    await sessions.update({ payload: JSON.stringify({ ...session, loginTs: session.loginTs - 600 }) });
    for (const late of [
      await person.browser.get('/account/email'),
      await person.browser.post(form.action, { ...typed, email: 'thief@elsewhere.example' }),
    ])
      assert.match(late.headers.get('location') ?? '', /\/auth\?.*max_age=300/);
    await server.settled();
    assert.ok(!server.sink.mails.some(({ to }) => to[0]?.startsWith('thief')));
  });

  test('a link mailed to an address that the account no longer has opens nothing', async (t) => {
    const { server, email, account } = await begin(t, { recoverByEmail: true });
    await forgot(server, email);
    const { link = '' } = await server.sink.to(email);
    await account().update({ email: 'elsewhere@harbour.example' });
    assert.equal((await openLink(server, link)).page.status, 400);
  });
});
