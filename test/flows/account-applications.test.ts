import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Browser } from '../support/browser.ts';
import { authorization, call, refresh, signInWith } from '../support/builders/authorization.ts';
import { arrive } from '../support/builders/consent.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const APPLICATIONS = '/account/applications';
const OFFLINE = { scope: 'openid profile offline_access' };

async function withdraw(browser: Browser, client: string): Promise<Response> {
  const html = await (await browser.get(APPLICATIONS)).text();
  const csrf = String(/name="csrf" value="([^"]+)"/.exec(html)?.[1]);
  return browser.post(`${APPLICATIONS}/withdraw`, { csrf, client });
}

const isActive = async (server: TestServer, client: Parameters<typeof call>[1], token: unknown) =>
  (await call(server, client, '/token/introspection', { token: String(token) })).body.active;

describe('the page of applications', () => {
  test('says in plain words what each may do, since when, and whether it may while nobody is there', async (t) => {
    const server = await startServer(t, 'sqlite');
    const notes = await server.createClient({ scope: 'openid profile offline_access calendar:write' });
    const claims = ['tenant=value:acme', 'login=username'];
    const own = await server.createClient({ name: 'Harbour CLI', firstParty: true, claims });
    const ada = await server.createAccount('ada', 'openid profile offline_access calendar:write');
    const { browser } = await visit(server, ada, APPLICATIONS);
    assert.match(await textOf(await browser.get(APPLICATIONS)), /No application can use your account now/);
    await signInWith(server, notes, ada, { scope: 'openid profile offline_access calendar:write' });
    await signInWith(server, own, ada, { scope: 'openid profile' });
    const page = await browser.get(APPLICATIONS);
    const html = await page.clone().text();
    assert.match(html, /<a href="\/account\/applications" aria-current="page">Applications<\/a>/);
    const text = await textOf(page);
    const [first = '', second = ''] = text.split('Fieldnotes');
    assert.match(
      first,
      /Harbour CLI Trusted by the people who run this server.* Know who you are .* See your profile, such as your name, username, picture, language and time zone/,
    );
    assert.match(first, /Know who you are .* Learn that your “tenant” is “acme”/);
    assert.doesNotMatch(text, /“login”/, 'the same as the profile under another name');
    assert.match(first, /Has no access while you are away/);
    assert.match(
      second,
      /^ Allowed today, \d\d:\d\d .* Last used .*Works while you are away\. Know who you are .* Add and change your calendar/,
    );
    assert.doesNotMatch(text, /offline_access|openid|calendar:write/, 'no scope by its name');

    await server.services.scopeDescriptions.describe(
      { accountId: null },
      {
        scope: 'calendar:write',
        description: 'Keep your calendar',
      },
    );
    assert.match(await textOf(await browser.get(APPLICATIONS)), /Keep your calendar/);
    await server.accounts.update({ accountId: null }, 'ada', { scope: 'openid profile' });
    assert.doesNotMatch(await textOf(await browser.get(APPLICATIONS)), /Keep your calendar/);
  });

  test('ends the tokens and the remembered consent of one application, and of no other', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [notes, wiki] = [await server.createClient(), await server.createClient({ name: 'Wiki' })];
    const ada = await server.createAccount();
    const { tokens } = await signInWith(server, notes, ada, OFFLINE);
    const kept = await signInWith(server, wiki, ada, OFFLINE);
    const { browser } = await visit(server, ada, APPLICATIONS);
    const done = await browser.follow(await withdraw(browser, notes.client_id));
    assert.match(await textOf(done.clone()), /That application can no longer use your account/);
    assert.doesNotMatch(await textOf(done), /Fieldnotes/);
    assert.equal(await isActive(server, notes, tokens.body.access_token), false);
    assert.equal((await refresh(server, notes, tokens.body.refresh_token)).status, 400);
    assert.equal(await isActive(server, wiki, kept.tokens.body.access_token), true);
    const again = await arrive(browser, authorization(notes, OFFLINE), ada);
    assert.match(await textOf(again), /Allow Fieldnotes to use your account/, 'it has to ask');
    const event = await server.database
      .knex('T_auth_audit_log')
      .where({ action: 'consent.withdrawn' })
      .first();
    assert.deepEqual([event.account_id, event.actor_id, event.client_id], [ada.id, ada.id, notes.client_id]);
    assert.equal(event.ip_address, '127.0.0.1');
  });

  test('shows and ends no access to another account, and none of our own pages', async (t) => {
    const server = await startServer(t, 'sqlite');
    const notes = await server.createClient();
    const wiki = await server.createClient({ name: 'Wiki' });
    const [ada, eve] = [await server.createAccount(), await server.createAccount('eve')];
    const { tokens } = await signInWith(server, notes, ada, OFFLINE);
    await signInWith(server, wiki, eve);
    const { browser } = await visit(server, eve, APPLICATIONS);
    assert.doesNotMatch(await textOf(await browser.get(APPLICATIONS)), /Fieldnotes/);
    for (const guess of [notes.client_id, 'latchkey', '', '%', "' OR 1=1 --", 'x'.repeat(5000)])
      assert.equal((await withdraw(browser, guess)).status, 404, guess.slice(0, 40));
    assert.equal(await isActive(server, notes, tokens.body.access_token), true);
    assert.equal((await browser.get(APPLICATIONS)).status, 200, 'her own session goes on');
  });

  test('shows a hostile name as text', async (t) => {
    const server = await startServer(t, 'sqlite');
    const notes = await server.createClient();
    const ada = await server.createAccount();
    await signInWith(server, notes, ada);
    await server.database
      .knex('T_oauth_clients')
      .where({ client_id: notes.client_id })
      .update({ client_name: '"><script>xss</script>' });
    const { page } = await visit(server, ada, APPLICATIONS);
    const html = await page.text();
    assert.doesNotMatch(html, /<script/);
    assert.match(html, /&lt;script&gt;xss/);
  });
});
