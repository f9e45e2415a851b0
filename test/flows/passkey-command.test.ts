import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser } from '../support/browser.ts';
import { authenticate, newcomer, placeOf, register, signInPage } from '../support/builders/passkey.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('keys at the command line', () => {
  test('are listed and removed, except the last; a recovery link creates a new one, once', async (t) => {
    const server = await startServer(t, 'sqlite');
    const mei = await newcomer(server, 'mei');
    await newcomer(server, 'eve');
    const { url } = server.storage;
    const env = { LATCHKEY_ISSUER: server.issuer, LATCHKEY_SMTP_URL: server.sink.url };
    const email = 'mei@harbour.example';
    await server.database
      .knex('T_accounts')
      .where({ username: 'mei' })
      .update({ email, email_verified: true });
    const run = (...args: string[]) => latchkey([...args, '--json'], { url, env });
    const listed = JSON.parse((await run('passkey', 'list', '--account', 'mei')).stdout);
    assert.deepEqual(
      listed.map(({ name, is_signed }: { name: string; is_signed: boolean }) => [name, is_signed]),
      [['This device', true]],
    );
    const last = await run('passkey', 'remove', listed[0].id, '--yes');
    assert.deepEqual([last.code, /the only key that can sign in/.test(last.stderr)], [1, true]);
    assert.equal((await run('passkey', 'remove', 'nobody', '--yes')).code, 1);
    assert.equal((await run('account', 'recovery-link', '--username', 'nobody')).code, 1);

    const earlier = JSON.parse((await run('account', 'recovery-link', '--username', 'mei')).stdout);
    const made = JSON.parse((await run('account', 'recovery-link', '--username', 'mei')).stdout);
    assert.match(made.url, /\/recover\?token=[\w-]{24}$/);
    assert.ok(!JSON.stringify(await server.database.knex('T_account_links')).includes(made.url.slice(-24)));
    /** Opens a recovery link and creates a key. */
    const recover = async (link: string, key: Authenticator) => {
      const browser = new Browser(server.issuer);
      const page = await browser.follow(await browser.get(new URL(link).pathname + new URL(link).search));
      if (page.status !== 200) return { status: page.status, browser, place: undefined };
      const place = { ...(await placeOf(page)), purpose: 'recovery', fields: { end: 'on' } };
      return { ...(await register(browser, place, key)), browser, place };
    };
    const key = new Authenticator(server.issuer);
    assert.equal((await recover(earlier.url, key)).status, 400, 'a newer link replaced it');
    const done = await recover(made.url, key);
    assert.equal(done.status, 200);
    assert.equal((await recover(made.url, new Authenticator(server.issuer))).status, 400, 'used');
    const again = await register(done.browser, done.place as never, new Authenticator(server.issuer));
    assert.equal(again.status, 400);

    const client = await server.createClient();
    const { browser, place } = await signInPage(server, client);
    assert.equal((await authenticate(browser, place, key)).status, 200);
    const removed = await run('passkey', 'remove', listed[0].id);
    assert.equal(removed.code, 0, removed.stderr);
    const notices = server.sink.mails.filter(({ to, subject }) => to[0] === email && /removed/.test(subject));
    assert.match(notices[0]?.text ?? '', /Key: This device/);
    const lost = await signInPage(server, client);
    assert.equal((await authenticate(lost.browser, lost.place, mei.key)).status, 401);
    const before = await mei.browser.get('/account/security');
    assert.equal(before.status, 303, 'earlier sessions have ended');
  });
});
