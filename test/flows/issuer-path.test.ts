import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import * as oidc from 'openid-client';
import { OWN_PATHS } from '../../src/config/checks.ts';
import { issuerScope } from '../../src/web/issuer-scope.ts';
import { ROUTES } from '../../src/web/routes.ts';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf } from '../support/builders/authorization.ts';
import { visit } from '../support/builders/signed-in.ts';
import { freePort } from '../support/free-port.ts';
import { startNginx, withoutProxy } from '../support/http-proxies.ts';
import { startServer } from '../support/server.ts';

/** Both ways in which nginx can pass on requests below a path. */
const WAYS = { keeps: '', strips: '/' };

/** A server with the issuer http://127.0.0.1:…/id behind nginx. @param suffix what stands after the upstream's address */
async function startBelowPath(t: TestContext, suffix: string) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}/id`;
  const server = await startServer(t, 'sqlite', { config: { issuer, trustProxy: 1 } });
  const pass = (end: string) =>
    `proxy_pass http://127.0.0.1:${server.config.port}${end}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`;
  await startNginx(t, { '/id/': pass(suffix), '/.well-known/': pass('') }, port);
  return { server, issuer, browser: new Browser(`http://127.0.0.1:${port}`) };
}

for (const [way, suffix] of Object.entries(WAYS)) {
  describe(`an issuer with a path, behind a proxy that ${way} it`, { skip: withoutProxy('nginx') }, () => {
    test('has discovery documents at both places, and every URL in them below its path', async (t) => {
      const { issuer, browser } = await startBelowPath(t, suffix);
      const places = [
        '/id/.well-known/openid-configuration',
        '/id/.well-known/oauth-authorization-server',
        '/.well-known/openid-configuration/id',
        '/.well-known/oauth-authorization-server/id',
      ];
      for (const place of places) {
        const answer = await browser.get(place);
        assert.equal(answer.status, 200, place);
        const document = (await answer.json()) as Record<string, string>;
        assert.equal(document.issuer, issuer);
        for (const [name, url] of Object.entries(document))
          if (/_(endpoint|uri)$/.test(name)) assert.ok(url.startsWith(`${issuer}/`), `${name}: ${url}`);
      }
    });

    test('signs people in for openid-client', async (t) => {
      const { server, issuer, browser } = await startBelowPath(t, suffix);
      const client = await server.createClient();
      const person = await server.createAccount();
      const config = await oidc.discovery(
        new URL(issuer),
        client.client_id,
        { client_secret: client.client_secret },
        undefined,
        { execute: [oidc.allowInsecureRequests] },
      );
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: 'https://fieldnotes.example/cb',
        scope: 'openid profile email',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state: 'x',
      });
      const login = await formOf(await browser.follow(await browser.get(url.href)));
      const { username, password } = person;
      const typed = { ...login.fields, username, password };
      const consent = await formOf(await browser.follow(await browser.post(login.action, typed)));
      const allowed = { ...consent.fields, decision: 'allow' };
      const last = await browser.follow(await browser.post(consent.action, allowed));
      assert.equal(answerOf(last).get('iss'), issuer);
      const tokens = await oidc.authorizationCodeGrant(config, new URL(last.headers.get('location') ?? ''), {
        pkceCodeVerifier: verifier,
        expectedState: 'x',
      });
      assert.equal(tokens.claims()?.iss, issuer);
      assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, person.id)).sub, person.id);
    });

    test('has pages whose links, forms, files and cookies are below its path', async (t) => {
      const { server, browser } = await startBelowPath(t, suffix);
      const ada = await server.createAccount('ada', 'openid latchkey:*');
      await visit(server, ada, '/id/account/security', browser);
      const paths = [
        '',
        '/account/security',
        '/account/email',
        '/admin/invitations',
        '/admin/invitations/new',
      ];
      for (const path of [...paths, '/forgot', '/code', '/session/end', '/nothing']) {
        const page = await browser.get(`/id${path || '/'}`);
        const html = await page.text();
        const links = [...html.matchAll(/ (?:href|action|src|data-back)="(\/[^"]*)"/g)].map(
          ([, url = '']) => url,
        );
        assert.ok(links.length > 2, path);
        for (const link of links) assert.match(link, /^\/id\//, path);
        for (const link of links.filter((one) => one.includes('/assets/')))
          assert.equal((await browser.get(link)).status, 200, link);
      }
      for (const [name, { path }] of browser.cookies) assert.match(path, /^\/id(\/|$)/, name);

      await browser.post('/id/forgot', {
        ...(await formOf(await browser.get('/id/forgot'))).fields,
        email: 'ada@harbour.example',
      });
      await server.settled();
      const { link = '' } = await server.sink.to('ada@harbour.example');
      assert.ok(link.startsWith('/id/reset?'), link);

      const { action, fields } = await formOf(await browser.get('/id/session/end'));
      const done = await browser.follow(await browser.post(action, { ...fields, logout: 'yes' }));
      assert.match(await done.text(), /You are signed out/);
    });
  });
}

test('no path of ours can be the path of an issuer', () => {
  const firsts = ROUTES.map(({ path }) => path.split('/')[1] ?? '').filter(Boolean);
  assert.deepEqual([...OWN_PATHS].toSorted(), [...new Set([...firsts, 'assets', 'favicon.ico'])].toSorted());
});

test('cookies of an https issuer with a path have it, and the strictest prefix that allows it', () => {
  assert.deepEqual(issuerScope('https://id.example'), {
    secure: true,
    base: '',
    cookiePath: '/',
    cookiePrefix: '__Host-',
    partPrefix: '__Secure-',
    sessionCookie: { httpOnly: true, sameSite: 'lax', secure: true, signed: true, path: '/' },
  });
  const { cookiePath, cookiePrefix } = issuerScope('https://example.com/id');
  assert.deepEqual([cookiePath, cookiePrefix], ['/id', '__Secure-']);
});
