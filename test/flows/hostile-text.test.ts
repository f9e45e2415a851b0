import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { invite, open } from '../support/builders/invitation.ts';
import { withoutOwnScript } from '../support/page-script.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Text that would end an attribute, an element, a title or a script, with a mark to find it by. */
const HOSTILE = [
  '"><script src=//xss.example></script>',
  `'><img src=x onerror=xss(2)>`,
  '</title></textarea></script><svg onload=xss(3)>',
  '<a href="javascript:xss(4)">x</a>',
  '<%= xss(5) %><xss>{{xss(7)}}',
  '&lt;script src=xss&gt;&#60;script src=xss&#62;',
  '\u202e\u2066"><b class=xss>',
];

/** Every tag of a page, without the values of its attributes. */
const tagsOf = (html: string) => (html.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'));

async function inert(page: Response, what: string): Promise<string> {
  const html = await page.text();
  assert.match(String(page.headers.get('content-type')), /^text\/html/, what);
  const policy = String(page.headers.get('content-security-policy'));
  assert.doesNotMatch(policy, /unsafe-/, what);
  assert.match(policy, /default-src 'none'/, what);
  for (const tag of tagsOf(withoutOwnScript(html)))
    assert.doesNotMatch(tag, /xss|^<(script|iframe|base|style)/i, `${what}: ${tag}`);
  assert.equal(html.match(/<title>/g)?.length, 1, what);
  assert.doesNotMatch(html, /(href|src|action)="\s*(javascript|data|vbscript):/i, what);
  return html;
}

/** An application and an account with hostile text in every column, written directly because registration refuses it. */
async function hostileWorld(server: TestServer, evil: string) {
  const client = await server.createClient({
    name: 'x',
    postLogoutRedirectUris: ['https://fieldnotes.example/'],
  });
  const person = await server.createAccount();
  const { knex } = server.database;
  // Without the characters that a scope cannot have (RFC 6749 section 3.3).
  const scope = `x:${evil.replace(/[^!#-[\]-~]/g, '')}`;
  await knex('T_oauth_clients')
    .where({ client_id: client.client_id })
    .update({
      client_name: evil,
      allowed_scopes: JSON.stringify(['openid', 'profile', '*:*']),
    });
  await knex('T_accounts')
    .where({ id: person.id })
    .update({ name: evil, scopes: JSON.stringify(['openid', 'profile', '*:*']) });
  return { client, person, scope };
}

for (const [index, evil] of HOSTILE.entries()) {
  test(`text that others choose is only text on every page of a sign-in (${index})`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client, person, scope } = await hostileWorld(server, evil);
    const { knex } = server.database;
    const browser = new Browser(server.issuer);
    const asked = authorization(client, {
      scope: `openid profile ${scope}`,
      state: evil,
      login_hint: evil,
      ui_locales: evil,
    });
    const login = await browser.follow(await browser.get(authorizeUrl(asked)));
    assert.equal(login.status, 200);
    const form = await formOf(login.clone());
    const html = await inert(login, 'sign-in');
    assert.ok(/xss/.test(html), 'the page shows the name as text');
    const again = await browser.post(form.action, { ...form.fields, username: evil, password: evil });
    assert.equal(again.status, 401);
    await inert(again, 'sign-in, failed');
    const { username, password } = person;
    const consent = await browser.follow(
      await browser.post(form.action, { ...form.fields, username, password }),
    );
    // From here on the username is hostile too. Nobody could sign in with it.
    await knex('T_accounts').where({ id: person.id }).update({ username: evil });
    const question = await inert(await browser.get(new URL(consent.url).pathname), 'consent');
    assert.ok(/x:[^<]*xss/.test(question), 'the page shows the scope as text');
    await inert(await browser.get('/'), 'home');
    const query = new URLSearchParams({ client_id: client.client_id, state: evil });
    await inert(await browser.get(`/session/end?${query}`), 'sign-out');
    await inert(await browser.get(`/session/end/success?client_id=${client.client_id}`), 'signed out');
    const text = { code: evil, error: evil, error_description: evil, state: evil, iss: evil };
    await inert(await browser.get(`/code?${new URLSearchParams(text)}`), 'the display page');
    await inert(
      await browser.get(`/code?${new URLSearchParams({ ...text, error: 'access_denied' })}`),
      'the display page, denied',
    );
    const errors: Record<string, string>[] = [
      { client_id: evil },
      { client_id: client.client_id, redirect_uri: evil, response_type: evil },
      { ...text, client_id: client.client_id, response_type: evil, response_mode: evil, scope: evil },
    ];
    for (const params of errors)
      await inert(await browser.get(`/auth?${new URLSearchParams(params)}`), `error ${Object.keys(params)}`);
    await inert(await browser.get(`/${encodeURIComponent(evil)}`), 'nowhere');
    await inert(
      await browser.get(`/session/end?post_logout_redirect_uri=${encodeURIComponent(evil)}`),
      'end',
    );
  });
}

test('an inviter’s name, a label and the fields of the sign-up form are only text', async (t) => {
  const server = await startServer(t, 'sqlite');
  const inviter = await server.createAccount('ada', 'openid profile latchkey:invitations');
  const { knex } = server.database;
  for (const evil of HOSTILE) {
    const { code, id } = await invite(server, { scope: 'openid profile', roles: ['editor'] });
    const set = { label: evil, roles: JSON.stringify([evil]), created_by: inviter.id };
    await knex('T_invitations').where({ id }).update(set);
    await knex('T_accounts').where({ id: inviter.id }).update({ name: evil, username: evil });
    const { browser, page } = await open(server, code);
    const { action, fields } = await formOf(page.clone());
    await inert(page, 'offer');
    const typed = { username: evil, name: evil, email: evil, password: evil };
    await inert(await browser.post(action, { ...fields, ...typed }), 'offer, refused');
  }
});

for (const evil of HOSTILE) {
  test(`a form_post page returns the state unchanged, and only as text: ${evil.slice(0, 12)}`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ firstParty: true });
    const { browser } = await signInWith(server, client, await server.createAccount());
    const request = authorization(client, { state: evil, response_mode: 'form_post', prompt: 'none' });
    const page = await browser.get(authorizeUrl(request));
    const html = await page.text();
    const scripts = html.match(/<script[^>]*>[\s\S]*?<\/script>/gi) ?? [];
    assert.equal(scripts.length, 1, 'the one that sends the form');
    assert.ok(!scripts[0]?.includes('xss'));
    const policy = String(page.headers.get('content-security-policy'));
    assert.match(policy, /script-src 'self' 'sha256-/);
    assert.doesNotMatch(policy, /unsafe-/);
    const rest = html.replace(scripts[0] ?? '', '');
    for (const tag of tagsOf(rest))
      assert.match(tag, /^<(!doctype|\/?(html|head|title|meta|body|form|input|noscript|p|br|button)\b)/i);
    const value = /name="state" value="([^"]*)"/.exec(html)?.[1] ?? '';
    const text = value
      .replace(/&#39;|&#x27;/g, "'")
      .replaceAll('&quot;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
    assert.equal(text, evil);
  });
}
