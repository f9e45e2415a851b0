import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import { invite, OPERATOR, open, signUp, typeCode } from '../support/builders/invitation.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer } from '../support/server.ts';

describe('an invitation', { concurrency: true }, () => {
  test('leads a new person through the sign-in page back into the application, with exactly its scopes', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid profile email notes:read notes:write' });
    const { code } = await invite(server, { scope: 'openid profile notes:read', roles: ['editor'] });
    const browser = new Browser(server.issuer);
    const request = authorization(client, { scope: 'openid profile email notes:read notes:write' });
    const login = await browser.follow(await browser.get(authorizeUrl(request)));
    const link = /href="([^"]+\/invitation)"/.exec(await login.text())?.[1] ?? '';
    const typed = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}`;
    const offer = await typeCode(browser, await browser.get(link), typed);
    const words = await textOf(offer.clone());
    assert.match(words, /Reading notes/);
    assert.match(words, /The role editor/);
    let page = await browser.follow(
      await signUp(browser, offer, { username: 'Mei', email: 'mei@harbour.example' }),
    );
    const { action, fields } = await formOf(page);
    page = await browser.follow(await browser.post(action, { ...fields, decision: 'allow' }));
    const answer = answerOf(page);
    assert.equal(answer.get('state'), request.params.state);
    const tokens = await redeem(server, client, request, answer.get('code'));
    assert.equal(tokens.body.scope, 'openid profile notes:read');
    const me = await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens.body.access_token}` },
    });
    const claims = (await me.json()) as Record<string, unknown>;
    assert.equal(claims.preferred_username, 'mei');
    assert.deepEqual(claims.roles, ['editor']);
    assert.deepEqual((await server.accounts.show('mei')).scopes, ['openid', 'profile', 'notes:read']);
  });

  test('is asked for at once with prompt=create, and its link continues to our own pages', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const browser = new Browser(server.issuer);
    const asked = await browser.follow(
      await browser.get(authorizeUrl(authorization(client, { prompt: 'create' }))),
    );
    assert.match(await asked.text(), /name="invitation_code"/);
    const { code } = await invite(server);
    const { page } = await open(server, code, browser);
    assert.ok(!page.url.includes(code.slice(0, 5)));
    const done = await browser.follow(await signUp(browser, page, { username: 'mei' }));
    assert.equal(new URL(done.url).pathname, '/account/security');
  });

  test('is not used up by opening it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code, id } = await invite(server);
    for (let times = 0; times < 5; times += 1) await open(server, code);
    await fetch(`${server.issuer}/invitation?code=${code}`, { method: 'HEAD' });
    assert.equal((await server.invitations.show(OPERATOR, id)).uses, 0);
  });

  test('has a different message when it is unknown, expired, used or revoked', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { knex } = server.database;
    const expired = await invite(server);
    await knex('T_invitations')
      .where({ id: expired.id })
      .update({ expires_at: new Date(Date.now() - 1000) });
    const used = await invite(server);
    await signUp(...(await offerOf(server, used.code)), { username: 'first' });
    const revoked = await invite(server);
    await server.invitations.revoke(OPERATOR, revoked.id);
    const cases: [string, RegExp][] = [
      ['K7QF2-2XWM9', /not a valid invitation code/],
      [`${'Z'.repeat(30)}`, /not a valid invitation code/],
      [expired.code, /has expired/],
      [used.code, /has been used/],
      [revoked.code, /was withdrawn/],
    ];
    for (const [code, sentence] of cases) {
      const { page } = await open(server, code);
      assert.equal(page.status, 400);
      assert.match(await textOf(page), sentence);
    }
  });

  test('revoked or used while the form is open creates no account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [one, two] = [await invite(server), await invite(server)];
    const late = await offerOf(server, one.code);
    await server.invitations.revoke(OPERATOR, one.id);
    assert.match(await textOf(await signUp(...late, { username: 'late' })), /was withdrawn/);
    const slow = await offerOf(server, two.code);
    await signUp(...(await offerOf(server, two.code)), { username: 'quick' });
    assert.match(await textOf(await signUp(...slow, { username: 'slow' })), /has been used/);
    assert.deepEqual(
      (await server.accounts.list()).map(({ username }) => username),
      ['quick'],
    );
  });

  test('ignores scopes that the form adds, and keeps its address', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code } = await invite(server, { scope: 'openid', email: 'mei@harbour.example' });
    const added = {
      scope: '*:*',
      scopes: '["*:*"]',
      role: 'admin',
      roles: 'admin',
      is_active: 'true',
      id: 'x',
    };
    const offer = await offerOf(server, code);
    await signUp(...offer, { username: 'mei', email: 'eve@elsewhere.example', ...added });
    const account = await server.accounts.show('mei');
    assert.deepEqual(account.scopes, ['openid']);
    assert.equal(account.pending_email, 'mei@harbour.example');
    assert.equal((await server.database.knex('T_account_roles')).length, 0);
  });

  test('grants no more than its creator holds, when it is created and when it is used', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount('ada', 'openid profile latchkey:invitations notes:read');
    const actor = { accountId: ada.id };
    const over = server.invitations.create(actor, { scope: 'openid notes:write' });
    await assert.rejects(over, /You do not hold notes:write/);
    await assert.rejects(
      server.invitations.create(actor, { roles: ['editor'], scope: 'openid' }),
      /the role editor/,
    );
    const mei = await server.createAccount('mei', 'openid');
    for (const work of [
      () => server.invitations.create({ accountId: mei.id }, { scope: 'openid' }),
      () => server.invitations.list({ accountId: mei.id }),
      () => server.invitations.revoke({ accountId: mei.id }, 'x'),
    ])
      await assert.rejects(work, { kind: 'forbidden' });
    const { knex } = server.database;
    const role = { id: 'r', created_at: new Date(), account_id: ada.id, client_id: null, role: 'editor' };
    await knex('T_account_roles').insert(role);
    const [made] = await server.invitations.create(actor, {
      scope: 'openid offline_access profile notes:read',
      roles: ['editor'],
      maxUses: 2,
    });
    await knex('T_account_roles').delete();
    const accounts = server.database.knex('T_accounts').where({ id: ada.id });
    await accounts.clone().update({ scopes: '["openid","profile","latchkey:invitations"]' });
    await signUp(...(await offerOf(server, made?.code ?? '')), { username: 'jo' });
    assert.deepEqual((await server.accounts.show('jo')).scopes, ['openid', 'offline_access', 'profile']);
    assert.equal((await knex('T_account_roles')).length, 0);
    await server.accounts.disable(OPERATOR, 'ada');
    assert.match(await textOf((await open(server, made?.code ?? '')).page), /was withdrawn/);
    // A deleted account leaves no invitation that would count as the operator's.
    await server.accounts.delete(OPERATOR, 'ada');
    assert.match(await textOf((await open(server, made?.code ?? '')).page), /was withdrawn/);
  });

  test('does not reveal whether an e-mail address has an account', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const { code } = await invite(server, { maxUses: 2 });
    const known = await signUp(...(await offerOf(server, code)), {
      username: 'x1',
      email: 'ada@harbour.example',
    });
    const free = await signUp(...(await offerOf(server, code)), {
      username: 'x2',
      email: 'new@harbour.example',
    });
    assert.deepEqual([known.status, free.status], [303, 303]);
    for (const username of ['x1', 'x2']) assert.equal((await server.accounts.show(username)).email, null);
  });

  test('is refused for a taken username, a weak password and another browser’s form, and stays unused', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    const { code, id } = await invite(server);
    const [browser, page] = await offerOf(server, code);
    const { action, fields } = await formOf(page);
    const send = (more: Record<string, string>) =>
      browser.post(action, { ...fields, username: 'mei', password: PASSWORD, ...more });
    assert.match(await textOf(await send({ username: 'ADA' })), /is taken/);
    assert.match(await textOf(await send({ password: 'short' })), /Use at least/);
    assert.match(await textOf(await send({ email: 'nowhere' })), /in the format name@example.com/);
    assert.match(await textOf(await send({ username: 'a b' })), /must not contain spaces/);
    assert.equal((await send({ csrf: 'x' })).status, 403);
    assert.equal((await browser.post(action, fields)).status, 400);
    assert.equal((await server.invitations.show(OPERATOR, id)).uses, 0);
    assert.equal((await server.accounts.list()).length, 1);
  });
});

type Server = Awaited<ReturnType<typeof startServer>>;

async function offerOf(server: Server, code: string): Promise<[Browser, Response]> {
  const { browser, page } = await open(server, code);
  return [browser, page];
}
