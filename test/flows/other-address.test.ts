import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startNginx, withoutProxy } from '../support/http-proxies.ts';
import { receiveAll, sendRaw } from '../support/raw-http.ts';
import { startServer } from '../support/server.ts';

/** The address of the same server under its other name. */
const otherName = (issuer: string) => issuer.replace('127.0.0.1', 'localhost');

describe('a page opened under another name of the server', () => {
  test('leads to the issuer’s address, with path and query', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const other = otherName(server.issuer);
    for (const path of [
      '/',
      '/forgot',
      '/account/security',
      '/invitation?code=a%2Fb&x=//evil.example',
      authorizeUrl(authorization(client)),
      '/session/end?state=x',
    ]) {
      const answer = await fetch(other + path, { redirect: 'manual' });
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, server.issuer + path]);
    }
  });

  test('is where one can sign in, after the redirect', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const answer = await fetch(`${otherName(server.issuer)}/account/security`, { redirect: 'manual' });
    const location = answer.headers.get('location') ?? '';
    assert.ok(location.startsWith(server.issuer));
    const { page } = await visit(server, ada, location);
    assert.match(await page.text(), /<title>Security/);
  });

  test('says where to go when its form is sent', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { action, fields } = await formOf(await new Browser(server.issuer).get('/forgot'));
    const other = otherName(server.issuer);
    const sent: Record<string, string>[] = [
      { origin: other },
      { origin: other, 'sec-fetch-site': 'same-origin' },
    ];
    for (const headers of sent) {
      const answer = await new Browser(other).post(action, { ...fields, email: 'a@b.example' }, headers);
      assert.equal(answer.status, 403);
      assert.match(
        await textOf(answer),
        new RegExp(`not opened at the address of this server. Open ${server.issuer} and`),
      );
    }
    const foreign = await new Browser(other).post(action, fields, { origin: 'https://evil.example' });
    assert.match(await textOf(foreign), /sent from another site/);
  });

  test('leaves endpoints of applications, health checks and files as they are', async (t) => {
    const server = await startServer(t, 'sqlite');
    const other = otherName(server.issuer);
    for (const path of [
      '/healthz',
      '/readyz',
      '/jwks',
      '/.well-known/openid-configuration',
      '/.well-known/webauthn',
      '/favicon.ico',
    ])
      assert.equal((await fetch(other + path, { redirect: 'manual' })).status, 200, path);
    assert.equal((await fetch(`${other}/token`, { method: 'POST', redirect: 'manual' })).status, 401);
    assert.equal((await fetch(`${other}/me`, { redirect: 'manual' })).status, 401);
  });

  test('redirects nowhere else, whatever the target', async (t) => {
    const server = await startServer(t, 'sqlite');
    for (const target of ['/?next=//evil.example', 'http://evil.example/', '/forgot?@evil.example']) {
      const request = `GET ${target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
      const [, location = ''] =
        /^location: (.*)\r$/im.exec(await receiveAll(sendRaw(server.issuer, request))) ?? [];
      assert.ok(location.startsWith(`${server.issuer}/`), location);
    }
  });
});

test('a page opens behind a proxy that replaces the host, and the redirect does not repeat', {
  skip: withoutProxy('nginx'),
}, async (t) => {
  const { createServer } = await import('node:http');
  // The issuer is the proxy's address, which is known only once it listens.
  let upstream = '';
  const front = createServer((request, response) => {
    fetch(upstream + request.url, { redirect: 'manual' }).then(async (answer) => {
      response.writeHead(answer.status, { location: answer.headers.get('location') ?? '' });
      response.end(await answer.text());
    });
  });
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
  t.after(() => front.close());
  const address = front.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const server = await startServer(t, 'sqlite', { config: { issuer } });
  upstream = await startNginx(t, {
    '/': `proxy_pass http://127.0.0.1:${server.config.port}; proxy_set_header Host backend.internal;`,
  });
  const first = await fetch(`${issuer}/forgot`, { redirect: 'manual' });
  assert.deepEqual([first.status, first.headers.get('location')], [303, `${issuer}/forgot`]);
  for (const path of ['/forgot', '/', '/forgot'])
    assert.equal((await fetch(issuer + path, { redirect: 'manual' })).status, 200, path);
});
