import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digest } from '../../src/kit/ids.ts';
import { Browser, formOf } from '../support/browser.ts';
import { forgot, NEW_PASSWORD, openLink, resetLink } from '../support/builders/password-reset.ts';
import { startServer } from '../support/server.ts';

const EMAIL = 'ada@harbour.example';
const OVER = /This link no longer works/;

describe('a password reset link', () => {
  test('is not used up by GET or HEAD, and needs its cookie and its form', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    const link = await resetLink(server, EMAIL);
    for (const method of ['GET', 'HEAD', 'GET']) await new Browser(server.issuer).request(link, { method });
    const { browser, page } = await openLink(server, link);
    const { action, fields } = await formOf(page);
    const given = { ...fields, password: NEW_PASSWORD };
    const other = new Browser(server.issuer);
    const foreign = await formOf(await other.get('/forgot'));
    assert.equal((await other.post(action, given)).status, 403, 'the form of another browser');
    assert.equal((await browser.post(action, { ...given, csrf: String(foreign.fields.csrf) })).status, 403);
    assert.equal((await browser.post(action, { password: NEW_PASSWORD })).status, 403, 'no token');
    assert.equal((await browser.post(action, given, { origin: 'https://evil.example' })).status, 403);
    const plain = {
      method: 'POST',
      body: new URLSearchParams(given).toString(),
      headers: { 'content-type': 'text/plain' },
    };
    assert.equal((await browser.request(action, plain)).status, 403);
    const kept = browser.cookies.get('/ latchkey_reset') as { value: string; path: string };
    browser.cookies.set('/ latchkey_reset', { ...kept, value: `${kept.value.slice(0, -6)}AAAAAA` });
    assert.match(await (await browser.post(action, given)).text(), OVER);
    browser.cookies.set('/ latchkey_verify', kept);
    assert.match(await (await browser.get('/verify')).text(), OVER, 'a link of another purpose is refused');
    browser.cookies.set('/ latchkey_reset', kept);
    assert.equal((await browser.post(action, given)).status, 303);
  });

  test('is stored as a hash alone, and has the configured issuer whatever the Host header says', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    const browser = new Browser(server.issuer);
    const { action, fields } = await formOf(await browser.get('/forgot'));
    const forged = {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      host: 'evil.example',
    };
    await browser.post(action, { ...fields, email: EMAIL }, forged);
    const { text, html, link = '', headers } = await server.sink.to(EMAIL);
    assert.ok(
      text.includes(`${server.issuer}/reset?token=`) && html.includes(`href="${server.issuer}${link}"`),
    );
    assert.doesNotMatch(`${text}${html}${headers}`, /evil/);
    assert.match(headers, /^Auto-Submitted: auto-generated$/m);
    const token = new URL(link, server.issuer).searchParams.get('token') ?? '';
    assert.ok(token.length * 6 >= 128);
    const rows = await server.database.knex('T_account_links');
    assert.deepEqual([rows.length, rows[0].token_hash], [1, digest(token)]);
    assert.ok(!JSON.stringify(rows).includes(token));
  });

  test('is requested with an address, and a malformed address gets an error', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    for (const email of [
      '',
      'nowhere',
      `${EMAIL}\r\nBcc: eve@harbour.example`,
      `${EMAIL},eve@harbour.example`,
      `<${EMAIL}>`,
      'a'.repeat(300),
    ]) {
      const answer = await forgot(server, email);
      assert.deepEqual([email, answer.status], [email, 400]);
      assert.match(await answer.text(), /id="email-e"/);
    }
    await server.settled();
    assert.deepEqual(server.sink.mails, []);
  });
});
