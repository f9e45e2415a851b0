import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addSignInGoogle,
  createLinked,
  leaveToSignIn,
  signInWithService,
  switchSignIn,
} from '../support/builders/connected-sign-in.ts';
import { allow } from '../support/builders/connections.ts';
import { openLink, send } from '../support/builders/password-reset.ts';
import { codeOf, sendCode, withApp } from '../support/builders/second-factor.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const SECURITY = '/account/security';
const OPERATOR = { accountId: null };

describe('an account that is signed in to with a connected account', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const rows = (table: string) => shared.server.database.knex(table);
  const connectionOf = (account_id: string) => rows('T_user_providers').where({ account_id }).first();
  const linkTo = async (username: string, text = /can now be used to sign in/) => {
    await shared.server.settled();
    const mails = shared.server.sink.mails.filter(({ to }) => to.includes(`${username}@harbour.example`));
    return String(mails.find((mail) => text.test(mail.text))?.link);
  };

  test('is asked for its second factor, as after a password', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server);
    const ada = await createLinked(server, google, 'ada');
    const secret = await withApp(server, ada);
    const { browser, page } = await signInWithService(server);
    assert.match(await textOf(page.clone()), /Enter your code Signing in as ada/);
    assert.equal((await browser.get(SECURITY)).status, 303, 'not signed in yet');
    const done = await sendCode(browser, page, codeOf(secret));
    assert.equal(new URL(done.url).pathname, SECURITY);
    const { amr } = await rows('T_user_sessions').where({ account_id: ada.id }).orderBy('id', 'desc').first();
    assert.equal(amr, 'fed otp mfa');
  });

  test('keeps its last way to sign in, whether it is switched off or disconnected', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'second');
    const bo = await createLinked(server, google, 'bo', { service: 'second' });
    await rows('T_credentials').where({ account_id: bo.id }).delete();
    const options = { username: 'bo', service: 'second', value: 'off' };
    const refused = await switchSignIn(server, bo.browser, options);
    assert.equal(refused.status, 409);
    assert.match(await textOf(refused), /This is the only way to sign in to your account/);
    const { id } = await connectionOf(bo.id);
    const { disconnect } = server.services.connections;
    await assert.rejects(disconnect({ accountId: bo.id, id }, { actorId: null }), {
      code: 'last_sign_in_connection',
    });
    assert.equal(google.counts.revocations, 0, 'the service was not asked');

    await t.test('and can confirm that it is them with it, for want of another way', async () => {
      await rows('T_user_sessions').where({ account_id: bo.id }).update({ is_active: false });
      const { browser } = await signInWithService(server, { service: 'second' });
      const sessions = rows('T_user_sessions').where({ account_id: bo.id, is_active: true });
      const { id: session, payload } = await sessions.clone().first();
      const old = JSON.stringify({ ...JSON.parse(payload), loginTs: JSON.parse(payload).loginTs - 600 });
      await rows('T_user_sessions').where({ id: session }).update({ payload: old });
      const login = await browser.follow(await browser.get('/account/security/password'));
      assert.match(await textOf(login.clone()), /Confirm it is you.*Continue with Google/);
      const again = await signInWithService(server, {
        browser,
        path: '/account/security/password',
        service: 'second',
      });
      assert.match(await textOf(again.page), /Set a password/);
    });
  });

  test('takes it away with the link "This was not me" in any mail, and stays reachable', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'third');
    for (const [name, text] of [
      ['cy', /can now be used to sign in/],
      ['cyrus', /was connected to your account/],
    ] as const) {
      const cy = await createLinked(server, google, name, { service: 'third' });
      const { browser, page } = await openLink(server, await linkTo(name, text));
      assert.match(await textOf(page.clone()), /No account at another service can be used to sign in/);
      assert.match(await textOf(await send(browser, page)), /No account at another service signs you in/);
      assert.equal(Boolean((await connectionOf(cy.id)).may_sign_in), false);
      assert.equal((await cy.browser.get(SECURITY)).status, 303);
      const refused = await signInWithService(server, { service: 'third' });
      assert.equal(refused.page.status, 401);
    }
  });

  test('ends nothing with that link if there is no other way', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fourth');
    const di = await createLinked(server, google, 'di', { service: 'fourth' });
    const link = await linkTo('di');
    await rows('T_credentials').where({ account_id: di.id }).delete();
    const { browser, page } = await openLink(server, link);
    await send(browser, page);
    assert.equal(Boolean((await connectionOf(di.id)).may_sign_in), true);
  });

  test('lets nobody in whose connection or account went away during the visit', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'fifth');
    const ends: Record<string, (person: { id: string; username: string }) => Promise<unknown>> = {
      disconnected: async ({ id }) =>
        server.services.connections.disconnect(
          { accountId: id, id: (await connectionOf(id)).id },
          { actorId: id },
        ),
      disabled: ({ username }) => server.accounts.disable(OPERATOR, username),
      deleted: ({ id }) => rows('T_accounts').where({ id }).delete(),
    };
    for (const [how, end] of Object.entries(ends)) {
      const person = await createLinked(server, google, how, { service: 'fifth' });
      const { browser, target } = await leaveToSignIn(server, { service: 'fifth' });
      const back = await allow(target);
      await end(person);
      const page = await browser.follow(await browser.get(back));
      assert.equal(page.status, 401, how);
      assert.equal((await browser.get(SECURITY)).status, 303);
    }
  });

  test('has a switch for its own connection at this service alone', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server, 'sixth');
    const ed = await createLinked(server, google, 'ed', { service: 'sixth' });
    const flo = await createLinked(server, google, 'flo', { service: 'sixth' });
    const { signInSwitch, services } = server.services.connections;
    const service = await services.find('sixth');
    const other = await services.find('fifth');
    assert.ok(service && other);
    const { uid } = await rows('T_user_sessions').where({ account_id: ed.id }).first('uid');
    const owner = { accountId: ed.id, sessionUid: uid, origin: {} };
    await signInSwitch.end(owner, service, (await connectionOf(flo.id)).id);
    await signInSwitch.end(owner, other, (await connectionOf(ed.id)).id);
    for (const { id } of [ed, flo]) assert.equal(Boolean((await connectionOf(id)).may_sign_in), true);
    await rows('T_user_sessions').where({ uid }).update({ is_active: false });
    await assert.rejects(signInSwitch.end(owner, service, (await connectionOf(ed.id)).id), {
      code: 'signed_out_concurrently',
    });
  });
});

describe('a server that requires a second factor of everyone', () => {
  const shared = shareServer({
    config: { allowPrivateServices: true, secondFactor: { everyone: true, scopes: [], roles: [] } },
  });

  test('has it set up after a sign-in with a connected account, too', async (t) => {
    const { server } = shared;
    const google = await addSignInGoogle(t, server);
    google.knobs.user = { sub: 'sub-gus', email: 'gus@gmail.example', name: 'Gus' };
    const gus = await server.createAccount('gus');
    const { connections } = server.services;
    await connections.vault.save({
      accountId: gus.id,
      service: 'google',
      identity: { id: 'sub-gus' },
      accessLevel: 'read',
      tokens: { accessToken: 'x', tokenType: 'Bearer' },
    });
    await server.database.knex('T_user_providers').update({ may_sign_in: true });
    // With a password of its own, it signs in with that first (connected-sign-in-enrolment.test.ts).
    await server.database.knex('T_credentials').where({ account_id: gus.id }).delete();
    const { browser, page } = await signInWithService(server);
    assert.match(await textOf(page), /Set up a second factor/);
    assert.equal((await browser.get(SECURITY)).status, 303);
  });
});
