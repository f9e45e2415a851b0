import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const ADA = 'ada@harbour.example';
const MEI = 'mei@harbour.example';
const OVER = /This link no longer works/;

/** Signs up with an invitation as that person. @returns the browser, signed in */
async function signUpAs(server: TestServer, code: string, person: Record<string, string>): Promise<Browser> {
  const { browser, page } = await open(server, code);
  const answer = await signUp(browser, page, person);
  assert.equal(answer.status, 303);
  await browser.follow(answer);
  return browser;
}

/** Opens a link in a browser that is signed in, and confirms. */
async function confirm(server: TestServer, browser: Browser, link = ''): Promise<Response> {
  const { page } = await openLink(server, link, browser);
  return page.status === 200 ? browser.follow(await send(browser, page)) : page;
}

const signedIn = async (server: TestServer, account: { username: string; password: string }) =>
  (await visit(server, account, '/account/security')).browser;

const emailOf = async (server: TestServer, username: string) => {
  const { email, email_verified } = await server.accounts.show(username);
  return [email, email_verified];
};

describe('an e-mail address', { concurrency: true }, () => {
  test('that another account has is left out at sign-up, and its owner gets a mail', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    await server.database.knex('T_accounts').update({ email_verified: true });
    await signUpAs(server, (await invite(server)).code, { username: 'eve', email: ADA });
    const { subject, text } = await server.sink.to(ADA);
    assert.equal(subject, 'You already have an account');
    assert.doesNotMatch(text, /token|eve/);
    assert.deepEqual(await emailOf(server, 'eve'), [null, false]);
  });

  test('is replaced only when the new one is confirmed; the old one gets a notice, and its links stop working', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { id } = ada;
    const browser = await signedIn(server, ada);
    const reset = await resetLink(server, ADA);
    await server.recovery.requestEmailChange(id, MEI);
    const { link } = await server.sink.to(MEI);
    assert.match((await server.sink.to(ADA, 1)).text, /asked to change the e-mail address/);
    assert.deepEqual(await emailOf(server, 'ada'), [ADA, false]);
    assert.match(await (await confirm(server, browser, link)).text(), /is confirmed/);
    assert.deepEqual(await emailOf(server, 'ada'), [MEI, true]);
    assert.match((await server.sink.to(ADA, 2)).text, /was changed/);
    assert.match(await (await openLink(server, reset)).page.text(), OVER);
  });

  test('that an account never confirmed goes to the account that confirms it', async (t) => {
    const server = await startServer(t, 'sqlite');
    await signUpAs(server, (await invite(server)).code, { username: 'squatter', email: ADA });
    await server.sink.to(ADA);
    const browser = await signUpAs(server, (await invite(server, { email: ADA })).code, { username: 'ada' });
    const { link, text } = await server.sink.to(ADA, 1);
    assert.match(text, /entered for the account ada/);
    assert.match(await (await confirm(server, browser, link)).text(), /is confirmed/);
    assert.deepEqual(await emailOf(server, 'ada'), [ADA, true]);
    assert.deepEqual(await emailOf(server, 'squatter'), [null, false]);
  });

  test('that waits for confirmation looks the same on the account page, whoever has it', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    const seen = [];
    for (const [username, email] of [
      ['eve', ADA],
      ['mei', MEI],
    ] as const) {
      const { browser, page } = await open(server, (await invite(server)).code);
      const home = await browser.follow(await signUp(browser, page, { username, email }));
      const text = (await textOf(home)).replaceAll(email, '@').replaceAll(username, '*');
      assert.match(text, /E-mail @ Not confirmed/);
      seen.push(text.replace(/\d\d:\d\d/g, ''));
    }
    assert.equal(seen[0], seen[1]);
  });

  test('is changed on the account page, with the password', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, '/account/email');
    const ask = async (fields: Record<string, string>) => {
      const form = await formOf(await browser.get('/account/email'));
      return browser.post(form.action, { ...form.fields, email: MEI, current: ada.password, ...fields });
    };
    const wrong: [Record<string, string>, number, RegExp][] = [
      [{ current: 'wrong' }, 400, /This is not your current password/],
      [{ current: '' }, 400, /Enter your current password/],
      [{ email: '' }, 400, /Enter an e-mail address/],
      [{ email: 'nowhere' }, 400, /in the format name@example.com/],
      [{ csrf: 'x' }, 403, /has expired/],
    ];
    for (const [fields, status, says] of wrong) {
      const answer = await ask(fields);
      assert.equal(answer.status, status);
      assert.match(await textOf(answer), says);
    }
    assert.equal((await server.database.knex('T_account_links')).length, 0);
    const done = await browser.follow(await ask({}));
    assert.match(await textOf(done), /We sent an e-mail/);
    assert.equal(
      await confirm(server, browser, (await server.sink.to(MEI)).link).then(({ status }) => status),
      200,
    );
    assert.deepEqual(await emailOf(server, 'ada'), [MEI, true]);
    const credential = await server.database.knex('T_credentials').first();
    assert.equal(Number(credential.failed_login_attempts), 0);
  });

  test('of a mailed invitation is confirmed at sign-up, since nobody else was shown its code', async (t) => {
    const server = await startServer(t, 'sqlite');
    const env = { LATCHKEY_SMTP_URL: server.sink.url, LATCHKEY_ISSUER: server.issuer };
    const create = ['invite', 'create', '--email', MEI, '--label', 'http://evil.example', '--send'];
    const squatter = await signUpAs(server, (await invite(server)).code, { username: 'eve', email: MEI });
    await server.sink.to(MEI);
    for (const [index, options] of [[], ['--json'], ['--format', 'csv']].entries()) {
      const { stdout } = await latchkey([...create, ...options], { url: server.storage.url, env });
      const { link = '', text } = await server.sink.to(MEI, 1 + index);
      const code = new URL(link, server.issuer).searchParams.get('code') ?? '';
      assert.ok(code.length > 20 && !stdout.includes(code) && !text.includes('evil.example'), stdout);
    }
    const { link = '' } = await server.sink.to(MEI, 3);
    await signUpAs(server, new URL(link, server.issuer).searchParams.get('code') ?? '', { username: 'mei' });
    assert.deepEqual(await emailOf(server, 'mei'), [MEI, true]);
    assert.deepEqual(await emailOf(server, 'eve'), [null, false]);
    assert.equal((await squatter.get('/account/security')).status, 200);
    await server.settled();
    assert.equal(
      server.sink.mails.filter(({ subject }) => /^Confirm/.test(subject)).length,
      1,
      'of eve alone',
    );
  });

  test('of an invitation whose code the inviter saw is confirmed like every other', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code } = await invite(server, { email: MEI });
    const browser = await signUpAs(server, code, { username: 'mei', email: ADA });
    assert.deepEqual(await emailOf(server, 'mei'), [null, false]);
    const { link } = await server.sink.to(MEI);
    assert.match(await (await confirm(server, browser, link)).text(), /is confirmed/);
    assert.deepEqual(await emailOf(server, 'mei'), [MEI, true]);
  });
});

for (const engine of engines) {
  describe(`an e-mail address on ${engine}`, { concurrency: true }, () => {
    test('given at sign-up is confirmed by a link, once, also when 20 use it at once', async (t) => {
      const server = await startServer(t, engine);
      const browser = await signUpAs(server, (await invite(server)).code, { username: 'mei', email: MEI });
      const { link, text } = await server.sink.to(MEI);
      assert.match(text, /entered for the account mei/);
      assert.deepEqual(await emailOf(server, 'mei'), [null, false]);
      const { page } = await openLink(server, link ?? '', browser);
      const { action, fields } = await formOf(page);
      assert.deepEqual(await emailOf(server, 'mei'), [null, false], 'opening the link confirms nothing');
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post(action, fields)));
      assert.equal(answers.filter(({ status }) => status === 303).length, 1);
      assert.deepEqual(await emailOf(server, 'mei'), [MEI, true]);
      assert.match(await (await confirm(server, browser, link)).text(), OVER);
    });

    test('that is taken can be requested without revealing that, and never belongs to two accounts', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const { id } = ada;
      const bob = await server.createAccount('bob');
      await server.database.knex('T_accounts').where({ id: bob.id }).update({ email_verified: true });
      await server.recovery.requestEmailChange(id, 'bob@harbour.example');
      assert.equal((await server.sink.to('bob@harbour.example')).subject, 'You already have an account');
      // Both request a free address: it goes to the account whose link is used first.
      await server.recovery.requestEmailChange(id, MEI);
      const first = await server.sink.to(MEI);
      await server.recovery.requestEmailChange(bob.id, MEI);
      const second = await server.sink.to(MEI, 1);
      const browsers = [await signedIn(server, ada), await signedIn(server, bob)] as const;
      const ends = await Promise.all([
        confirm(server, browsers[0], first.link),
        confirm(server, browsers[1], second.link),
      ]);
      assert.deepEqual(ends.map(({ status }) => status).sort(), [200, 400]);
      const accounts = await server.database.knex('T_accounts').where({ email: MEI });
      assert.equal(accounts.length, 1);
    });
  });
}
