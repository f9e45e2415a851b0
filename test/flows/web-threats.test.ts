import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { invite, open } from '../support/builders/invitation.ts';
import { openLink, resetLink } from '../support/builders/password-reset.ts';
import { visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

/** Sends a GET with any Host header, which `fetch` does not allow. */
function get(origin: string, path: string, headers: Record<string, string>) {
  return new Promise<{ text: string; headers: Record<string, unknown> }>((resolve, reject) => {
    request(origin + path, { headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ text, headers: response.headers }));
    })
      .on('error', reject)
      .end();
  });
}

for (const trustProxy of [0, 1]) {
  test(`no link, redirect or document contains a forged host, trustProxy ${trustProxy}`, async (t) => {
    const server = await startServer(t, 'sqlite', { config: { trustProxy } });
    const client = await server.createClient();
    const { code } = await invite(server);
    const forged = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '444',
      forwarded: 'host=evil.example;proto=https',
    };
    for (const path of [
      '/',
      '/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server',
      '/account/security',
      '/admin/invitations',
      '/forgot',
      `/invitation?code=${code}`,
      '/reset?token=x',
      '/nowhere',
      authorizeUrl(authorization(client)),
      '/session/end',
    ]) {
      const { text, headers } = await get(server.issuer, path, forged);
      assert.doesNotMatch(text + JSON.stringify(headers), /evil/, path);
    }
  });
}

test('every answer in HTML has the headers of a page, at endpoints, too', async (t) => {
  const server = await startServer(t, 'sqlite');
  const found: string[] = [];
  const paths = ROUTES.map(({ path }) => path.replace(/:\w+/, 'abc').replace('*', 'x'));
  for (const path of [...new Set([...paths, '/nothing'])])
    for (const method of ['GET', 'POST', 'PUT']) {
      const headers = { accept: 'text/html' };
      const response = await fetch(server.issuer + path, { method, headers, redirect: 'manual' });
      const policy = response.headers.get('content-security-policy') ?? '';
      if (!response.headers.get('content-type')?.startsWith('text/html')) continue;
      if (!/frame-ancestors 'none'/.test(policy)) found.push(`${method} ${path}`);
    }
  assert.deepEqual(found, []);
});

test('sign-in continues only to one of our own pages', async (t) => {
  const server = await startServer(t, 'sqlite');
  for (const state of [
    '//evil.example',
    '/\\evil.example',
    '/%09/evil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
    'https://evil.example/account',
    '/account@evil.example',
    '/account/../../evil',
    '/account?next=//evil.example',
    '/account%2f..%2fx',
    '/admin\r\nSet-Cookie: a=b',
    '',
  ]) {
    const response = await fetch(`${server.issuer}/signed-in?state=${encodeURIComponent(state)}`, {
      redirect: 'manual',
    });
    assert.deepEqual([state, response.headers.get('location')], [state, '/']);
  }
  for (const page of ['/account', '/account/security', '/admin/invitations'])
    assert.equal(
      (
        await fetch(`${server.issuer}/signed-in?state=${encodeURIComponent(page)}`, { redirect: 'manual' })
      ).headers.get('location'),
      page,
    );
});

test('every HTML page forbids framing, inline scripts and caching', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid profile latchkey:*');
  const client = await server.createClient();
  const { code, id } = await invite(server);
  const { browser } = await visit(server, ada, '/account/security');
  const fresh = new Browser(server.issuer);
  const pages = [
    await fresh.follow(await fresh.get(authorizeUrl(authorization(client)))),
    (await open(server, code)).page,
    (await open(server, 'nothing')).page,
    (await openLink(server, await resetLink(server, 'ada@harbour.example'))).page,
  ];
  for (const path of [
    '/',
    '/account/security',
    '/account/email',
    '/admin/invitations',
    '/admin/invitations/new',
  ])
    pages.push(await browser.get(path));
  for (const path of [
    `/admin/invitations/${id}`,
    '/session/end',
    '/forgot',
    '/reset',
    '/verify',
    '/code',
    '/x',
  ])
    pages.push(await browser.get(path));
  for (const page of pages) {
    const csp = page.headers.get('content-security-policy') ?? '';
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/, page.url);
    assert.match(csp, /frame-ancestors 'none'/, page.url);
    assert.match(csp, /default-src 'none'/, page.url);
    assert.doesNotMatch(csp, /unsafe|\*/, page.url);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff', page.url);
    assert.match(page.headers.get('cache-control') ?? '', /no-store/, page.url);
  }
});

test('an interaction in another browser, or a step out of order, is refused and changes nothing', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const client = await server.createClient();
  const victim = new Browser(server.issuer);
  const login = await victim.follow(await victim.get(authorizeUrl(authorization(client))));
  const { action, fields } = await formOf(login);
  const thief = new Browser(server.issuer);
  for (const path of [action, `${action}/invitation`]) {
    assert.equal((await thief.get(path)).status, 400, path);
    assert.equal(
      (await thief.post(path, { ...fields, username: 'ada', password: ada.password })).status,
      400,
      path,
    );
  }
  // The consent form before the sign-in, and an empty form.
  for (const typed of [{ decision: 'allow' }, {}] as Record<string, string>[]) {
    const answer = await victim.post(action, { ...fields, ...typed });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('location'), null);
  }
  assert.equal((await server.database.knex('T_grants')).length, 0);
  const page = await walk(victim, authorization(client), ada);
  assert.ok(page.headers.get('location')?.startsWith('https://fieldnotes.example/'));
});
