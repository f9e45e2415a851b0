import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';
import { servicesOn } from '../support/services.ts';

const TAKEN = 'ada@harbour.example';
const FREE = 'mei@harbour.example';
const SECURITY = '/account/security';

/** Creates an account with an invitation that anyone can use. @returns the browser, signed in */
async function signUpWith(server: TestServer, username: string, email: string): Promise<Browser> {
  const { browser, page } = await open(server, (await invite(server)).code);
  await browser.follow(await signUp(browser, page, { username, email }));
  return browser;
}

async function userinfo(server: TestServer, token = ''): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  return response.json() as Promise<Record<string, unknown>>;
}

async function changePassword(browser: Browser): Promise<void> {
  const { action, fields } = await formOf(await browser.get(SECURITY));
  const answer = await browser.post(action, { ...fields, current: PASSWORD, password: NEW_PASSWORD });
  assert.equal(answer.status, 303);
}

/** Events of one millisecond stand in any order on the page of activity. */
const inAnyOrder = (events: string) => events.split(' ').sort().join(' ');

/** Everything that the owner of a new account can see of its address. */
async function observe(server: TestServer, username: string, email: string) {
  const client = await server.createClient({ firstParty: true });
  const browser = await signUpWith(server, username, email);
  const pages = async () =>
    Promise.all(
      [SECURITY, '/account/email', '/account/activity'].map(async (path) =>
        (await textOf(await browser.get(path)))
          .replaceAll(email, '@')
          .replaceAll(username, '*')
          .replaceAll(/\d\d:\d\d/g, '')
          .replace(/ What happened in your account.*/, inAnyOrder),
      ),
    );
  const atFirst = await pages();
  const scope = 'openid email profile';
  const { tokens } = await signInWith(server, client, { username, password: PASSWORD }, { scope });
  const claims = await userinfo(server, tokens.body.access_token);
  const idToken = JSON.parse(
    String(Buffer.from(tokens.body.id_token?.split('.')[1] ?? '', 'base64url')),
  ) as object;
  await resetLink(server, email, server.sink.mails.filter(({ to }) => to[0] === email).length);
  await server.settled();
  const afterForgotten = await pages();
  await changePassword(browser);
  return {
    afterForgotten,
    atFirst,
    afterPasswordChange: await pages(),
    idToken: Object.keys(idToken).sort(),
    userinfo: Object.keys(claims).sort(),
  };
}

async function begin(t: TestContext, engine: EngineName): Promise<TestServer> {
  const server = await startServer(t, engine);
  await server.createAccount();
  await server.database.knex('T_accounts').update({ email_verified: true });
  return server;
}

for (const engine of engines)
  describe(`an address entered at sign-up, on ${engine}`, () => {
    test('tells its account nothing about whether another account has it', async (t) => {
      const server = await begin(t, engine);
      const taken = await observe(server, 'newcomer1', TAKEN);
      const free = await observe(server, 'newcomer2', FREE);
      assert.deepEqual(taken, free);
      assert.ok(taken.atFirst.every((text) => !/@ Confirmed/.test(text)));
      assert.match(taken.afterPasswordChange[0] ?? '', /E-mail @ Not confirmed/);
      assert.ok(!taken.userinfo.includes('email'));
      assert.ok(taken.idToken.includes('preferred_username') && !taken.idToken.includes('email'));
    });

    test('is given to applications once it is confirmed', async (t) => {
      const server = await begin(t, engine);
      const client = await server.createClient({ firstParty: true });
      const browser = await signUpWith(server, 'mei', FREE);
      const { link = '' } = await server.sink.to(FREE);
      await send(browser, (await openLink(server, link, browser)).page);
      const { tokens } = await signInWith(server, client, { username: 'mei', password: PASSWORD });
      const body = await userinfo(server, tokens.body.access_token);
      assert.deepEqual([body.email, body.email_verified], [FREE, true]);
      assert.equal((await server.database.knex('T_accounts').where({ requested_email: FREE })).length, 0);
    });

    test('resets a forgotten password of each account that waits for it, and belongs to the first that does', async (t) => {
      const server = await begin(t, engine);
      await signUpWith(server, 'mallory', FREE);
      await signUpWith(server, 'mei', FREE);
      await server.settled();
      const before = server.sink.mails.length;
      await resetLink(server, FREE, before);
      await server.settled();
      const mails = server.sink.mails.slice(before);
      const linkFor = (username: string) =>
        mails.map(({ text }) => text).find((text) => text.includes(username)) ?? '';
      const reset = async (username: string) => {
        const [link = ''] = /https?:\/\/\S+/.exec(linkFor(username)) ?? [];
        const { browser, page } = await openLink(server, link);
        return page.status === 200 ? send(browser, page, { password: NEW_PASSWORD }) : page;
      };
      assert.equal((await reset('mei')).status, 303);
      const mei = await server.accounts.show('mei');
      assert.deepEqual([mei.email, mei.email_verified, mei.pending_email], [FREE, true, null]);
      assert.equal((await reset('mallory')).status, 400);
      assert.equal((await server.accounts.show('mallory')).email, null);
    });

    test('can be vouched for by an administrator', async (t) => {
      const server = await begin(t, engine);
      await signUpWith(server, 'mei', FREE);
      const operator = { accountId: null };
      await server.accounts.update(operator, 'mei', { emailVerified: true });
      const mei = await server.accounts.show('mei');
      assert.deepEqual([mei.email, mei.email_verified, mei.pending_email], [FREE, true, null]);
      await assert.rejects(server.accounts.update(operator, 'nobody', { emailVerified: true }));
    });

    test('belongs to the account at once where no mail could confirm it, if it is free', async (t) => {
      const server = await begin(t, engine);
      const { invitations } = servicesOn(server.database);
      for (const [username, email] of [
        ['eve', TAKEN],
        ['mei', FREE],
      ] as const) {
        const { code } = await invite(server);
        await invitations.signUpWithPassword({ code, username, email, name: null, password: PASSWORD });
      }
      assert.equal((await server.accounts.show('eve')).email, null);
      const mei = await server.accounts.show('mei');
      assert.deepEqual([mei.email, mei.email_verified], [FREE, false]);
    });
  });
