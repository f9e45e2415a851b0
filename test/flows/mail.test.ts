import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { forgot, openLink, resetLink } from '../support/builders/password-reset.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const ADA = 'ada@harbour.example';
const MEI = 'mei@harbour.example';

describe('mail', () => {
  const EVIL = 'http://evil.example/<img src=x>\u202e"&\nBcc: eve@evil.example';

  test('turns no name into a link, markup or a header', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { id } = await server.createAccount();
    await server.database.knex('T_accounts').where({ id }).update({ username: EVIL });
    await resetLink(server, ADA);
    const { headers, text, html, to } = await server.sink.to(ADA);
    assert.deepEqual(to, [ADA]);
    assert.doesNotMatch(headers, /evil|^bcc/im);
    assert.doesNotMatch(html, /<img/);
    for (const form of [text, html]) assert.doesNotMatch(form, /evil\.example|http:\/\/evil|\u202e|eve@/);
    const links = [...`${text} ${html}`.matchAll(/https?:\/\/[^\s"<]+/g)].map(([link]) => link);
    assert.ok(links.length >= 3 && links.every((link) => link.startsWith(server.issuer)), links.join());
  });

  test('that fails is sent again and logged, and slows or breaks no response', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    await server.createAccount('bob');
    let refusals = 1;
    server.sink.answer = (command) => (/^MAIL/.test(command) && refusals-- > 0 ? '451 later' : undefined);
    await resetLink(server, ADA);
    server.sink.answer = (command) => (/^RCPT/.test(command) ? '550 never' : undefined);
    assert.equal((await forgot(server, 'bob@harbour.example')).status, 303);
    await server.settled();
    const log = await server.database.knex('T_auth_audit_log').whereLike('action', 'mail.%').orderBy('id');
    assert.deepEqual(
      log.map(({ action, error_code }) => [action, error_code]),
      [
        ['mail.sent', null],
        ['mail.failed', '550'],
      ],
    );
  });

  test('to a mail server that hangs delays neither responses nor other work', async (t) => {
    const held = createServer();
    await new Promise<void>((done) => held.listen(0, '127.0.0.1', done));
    t.after(() => held.close());
    const { port } = held.address() as { port: number };
    const url = `smtp://127.0.0.1:${port}`;
    const from = { name: '', address: 'no-reply@harbour.example' };
    const server = await startServer(t, 'sqlite', { config: { mail: { url, from } }, patience: 0 });
    await server.createAccount();
    for (let n = 0; n < 8; n += 1) assert.equal((await forgot(server, n < 4 ? ADA : MEI)).status, 303);
    assert.equal((await fetch(`${server.issuer}/readyz`)).status, 200);
  });

  test('is not sent in production without a mail server, and the pages say so', async (t) => {
    const mail = { from: { name: '', address: 'no-reply@harbour.example' } };
    const config = { production: true, issuer: 'https://id.harbour.example', mail };
    const server = await startServer(t, 'sqlite', { config });
    const page = await fetch(`http://127.0.0.1:${server.config.port}/forgot`, {
      headers: { 'x-forwarded-host': 'id.harbour.example' },
    });
    assert.match(await page.text(), /This server cannot send e-mail/);
  });

  test('is written to the log in development without a mail server, with its link', async (t) => {
    const lines: { event?: string; text?: string }[] = [];
    const note = (line: object) => void lines.push(line);
    const log = { info: note, error: note, warn: note } as never;
    const mail = { from: { name: '', address: 'no-reply@localhost' } };
    const server = await startServer(t, 'sqlite', { config: { mail }, log });
    await server.createAccount();
    await forgot(server, ADA);
    await server.settled();
    const { text = '' } = lines.find(({ event }) => event === 'mail') ?? {};
    const { page } = await openLink(server, /\/reset\?token=\S+/.exec(text)?.[0] ?? '');
    assert.match(await page.text(), /Set a new password/);
  });

  test('of an invitation fails in one line if no server takes it, and leaves no valid invitation', async (t) => {
    const server = await startServer(t, 'sqlite');
    const args = ['invite', 'create', '--email', MEI, '--send'];
    const run = (env: Record<string, string>) => latchkey(args, { url: server.storage.url, env });
    const none = await run({});
    assert.deepEqual([none.code, none.stdout], [1, '']);
    assert.match(none.stderr, /Set LATCHKEY_SMTP_URL to send mail\.\n$/);
    const down = await run({ LATCHKEY_SMTP_URL: `smtp://user:hunter2@127.0.0.1:${await freePort()}` });
    assert.deepEqual([down.code, down.stdout], [1, '']);
    assert.match(down.stderr, /the invitation was withdrawn.*\n$/);
    assert.doesNotMatch(down.stderr, /hunter2/);
    const { invitations } = await server.invitations.list({ accountId: null });
    assert.deepEqual(
      invitations.map(({ state }) => state),
      ['revoked'],
    );
  });
});
