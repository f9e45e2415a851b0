import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, refresh, signInWith } from '../support/builders/authorization.ts';
import { OPERATOR } from '../support/builders/invitation.ts';
import { forgot, NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const EMAIL = 'ada@harbour.example';
const OVER = /This link no longer works/;

/** Signs in with that password. @returns whether it was accepted */
async function signsIn(server: TestServer, username: string, password: string): Promise<boolean> {
  const browser = new Browser(server.issuer);
  const login = await browser.follow(
    await browser.get(authorizeUrl(authorization(await server.createClient()))),
  );
  const answer = await send(browser, login, { username, password });
  return answer.status === 303;
}

const actions = async (server: TestServer) =>
  (await server.database.knex('T_auth_audit_log').orderBy('id')).map(({ action }) => String(action));

describe('a forgotten password', { concurrency: true }, () => {
  test('is reset by a mailed link, which ends every session, token and lock of the account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const client = await server.createClient({ grantTypes: ['authorization_code', 'refresh_token'] });
    const offline = { scope: 'openid offline_access', prompt: 'consent' };
    const { browser: elsewhere, tokens } = await signInWith(server, client, ada, offline);
    const { knex } = server.database;
    const lock = { failed_login_attempts: 9, locked_until: new Date(Date.now() + 3_600_000) };
    await knex('T_credentials').update(lock);

    const browser = new Browser(server.issuer);
    const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
    const href = /href="([^"]*\/forgot)"/.exec(await login.text())?.[1] ?? '';
    const asked = await browser.follow(await browser.get(href));
    const sent = await browser.follow(await send(browser, asked, { email: ` ${EMAIL.toUpperCase()}` }));
    assert.match(await textOf(sent), /If an account here has/);
    const mail = await server.sink.to(EMAIL);
    const first = await browser.get(mail.link ?? '');
    assert.deepEqual(
      [first.status, first.headers.get('location'), first.headers.get('referrer-policy')],
      [303, '/reset', 'no-referrer'],
    );
    const page = await browser.follow(first);
    assert.match(await textOf(page.clone()), /For the account\s+ada/);
    const refused = await send(browser, page.clone(), { password: 'short' });
    assert.deepEqual([refused.status, /Use at least/.test(await refused.text())], [400, true]);
    const done = await browser.follow(await send(browser, page, { password: NEW_PASSWORD }));
    const on = /href="(\/interaction\/[^"]+)"/.exec(await done.text())?.[1] ?? '';
    assert.match(await textOf(await browser.get(on)), /Sign in to\s+Fieldnotes/);

    assert.doesNotMatch(await textOf(await elsewhere.get('/')), /signed in as/);
    assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
    const credential = await knex('T_credentials').first();
    assert.deepEqual([credential.failed_login_attempts, credential.locked_until], [0, null]);
    assert.equal((await server.accounts.show('ada')).email_verified, true);
    assert.deepEqual(
      [await signsIn(server, 'ada', ada.password), await signsIn(server, 'ada', NEW_PASSWORD)],
      [false, true],
    );
    await server.settled();
    const recorded = await actions(server);
    for (const action of ['reset.requested', 'mail.sent', 'reset.done'])
      assert.ok(recorded.includes(action), action);
  });

  test('is not set with a link that is used, replaced, expired, for a former address or of no account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { knex } = server.database;
    const account = () => knex('T_accounts').where({ id: ada.id });
    const older = await resetLink(server, EMAIL);
    const link = await resetLink(server, EMAIL, 1);
    const hopeless: [string, string, () => Promise<unknown>, () => Promise<unknown>][] = [
      ['older', older, async () => {}, async () => {}],
      ['made up', '/reset?token=AAAAAAAAAAAAAAAAAAAAAAAA', async () => {}, async () => {}],
      [
        'of a disabled account',
        link,
        // Directly in the table, because the command revokes the link too.
        async () => account().update({ is_active: false }),
        async () => account().update({ is_active: true }),
      ],
      [
        'for another address by now',
        link,
        async () => account().update({ email: 'new@harbour.example' }),
        async () => account().update({ email: EMAIL }),
      ],
      [
        'expired',
        link,
        async () => knex('T_account_links').update({ expires_at: new Date(Date.now() - 1) }),
        async () => knex('T_account_links').update({ expires_at: new Date(Date.now() + 60_000) }),
      ],
    ];
    const open = await openLink(server, link);
    for (const [what, one, breakIt, mend] of hopeless) {
      await breakIt();
      const { page } = await openLink(server, one);
      assert.deepEqual([what, page.status, OVER.test(await page.text())], [what, 400, true]);
      if (one === link) {
        const late = await send(open.browser, open.page.clone(), { password: NEW_PASSWORD });
        assert.deepEqual([what, late.status, OVER.test(await late.text())], [what, 400, true]);
        open.browser.cookies.clear();
        Object.assign(open, await openLink(server, '/reset'));
      }
      await mend();
      if (one === link) Object.assign(open, await openLink(server, link));
    }
    assert.equal((await send(open.browser, open.page, { password: NEW_PASSWORD })).status, 303);
    const again = await openLink(server, link);
    assert.match(await again.page.text(), OVER);
  });

  test('is answered in the same words, headers and cookies, whether the address is known or not', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    await server.createAccount('bob');
    await server.accounts.disable(OPERATOR, 'bob');
    const seen = [];
    for (const email of [EMAIL, 'bob@harbour.example', 'eve@harbour.example']) {
      const browser = new Browser(server.issuer);
      const answers = [await forgot(server, email, browser)];
      answers.push(await browser.get(answers[0]?.headers.get('location') ?? ''));
      seen.push(
        await Promise.all(
          answers.map(async (answer) => ({
            status: answer.status,
            text: await answer.text(),
            headers: [...answer.headers].filter(([name]) => !['x-request-id', 'date'].includes(name)),
          })),
        ),
      );
    }
    assert.equal(seen[0]?.[0]?.status, 303);
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
    await server.settled();
    assert.deepEqual(
      server.sink.mails.map(({ to }) => to),
      [[EMAIL]],
    );
    const log = await server.database.knex('T_auth_audit_log').where({ action: 'reset.requested' });
    assert.equal(log.length, 3);
  });

  test('that was reset also ends a sign-in whose old password was verified before', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const thief = new Browser(server.issuer);
    const login = await thief.follow(
      await thief.get(authorizeUrl(authorization(await server.createClient({ firstParty: true })))),
    );
    const proven = await send(thief, login, { username: 'ada', password: ada.password });
    assert.equal(proven.status, 303);
    const { browser, page } = await openLink(server, await resetLink(server, EMAIL));
    assert.equal((await send(browser, page, { password: NEW_PASSWORD })).status, 303);
    const resumed = await thief.follow(proven);
    assert.doesNotMatch(resumed.headers.get('location') ?? '', /[?&]code=/);
    assert.doesNotMatch(await textOf(await thief.get('/')), /signed in as/);
    assert.equal(
      (await server.database.knex('T_user_sessions').where({ account_id: ada.id, is_active: true })).length,
      0,
    );
  });
});

for (const engine of engines) {
  describe(`a forgotten password on ${engine}`, { concurrency: true }, () => {
    test('is set once by one link that is used 50 times at once', async (t) => {
      const server = await startServer(t, engine);
      await server.createAccount();
      const link = await resetLink(server, EMAIL);
      const ready = [];
      for (let n = 0; n < 50; n += 1) ready.push(await openLink(server, link));
      const answers = await Promise.all(
        ready.map(({ browser, page }, n) => send(browser, page, { password: `${NEW_PASSWORD} ${n}` })),
      );
      const statuses = answers.map(({ status }) => status);
      assert.equal(statuses.filter((status) => status === 303).length, 1, statuses.join());
      assert.equal((await actions(server)).filter((action) => action === 'reset.done').length, 1);
      assert.equal(await signsIn(server, 'ada', `${NEW_PASSWORD} ${statuses.indexOf(303)}`), true);
    });
  });
}
