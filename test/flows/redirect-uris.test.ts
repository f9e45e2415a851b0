import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from 'koa';
import { allowFormTarget } from '../../src/web/security-headers.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

const REGISTERED = 'https://fieldnotes.example/cb';
const VARIANTS = [
  'https://fieldnotes.example/cb/',
  'https://fieldnotes.example//cb',
  'https://fieldnotes.example/./cb',
  'https://fieldnotes.example/x/../cb',
  'https://fieldnotes.example/cb/..',
  'https://fieldnotes.example/CB',
  'https://FIELDNOTES.example/cb',
  'HTTPS://fieldnotes.example/cb',
  'http://fieldnotes.example/cb',
  'https://fieldnotes.example/%63b',
  'https://fieldnotes.example/cb%2f',
  'https://fieldnotes.example/%2e/cb',
  'https://fieldnotes.example/%2e%2e/cb',
  'https://fieldnotes.example\\cb',
  'https:\\\\fieldnotes.example\\cb',
  'https://fieldnotes.example/\\cb',
  'https://fieldnotes.example/cb?',
  'https://fieldnotes.example/cb?x=1',
  'https://fieldnotes.example/cb#',
  'https://fieldnotes.example/cb#x',
  'https://fieldnotes.example:443/cb',
  'https://fieldnotes.example:8443/cb',
  'https://fieldnotes.example./cb',
  'https://www.fieldnotes.example/cb',
  'https://fieldnotes.example.evil.example/cb',
  'https://fieldnotes.example@evil.example/cb',
  'https://evil.example/https://fieldnotes.example/cb',
  'https://evil.example\\@fieldnotes.example/cb',
  'https://user@fieldnotes.example/cb',
  'https://fieldnоtes.example/cb',
  'https://ﬁeldnotes.example/cb',
  'https://fieldnotes。example/cb',
  'https://fieldnotes.example/c\tb',
  'https://fieldnotes.example/cb\t',
  'https://fieldnotes.example/cb\r\nx: y',
  ' https://fieldnotes.example/cb',
  'https://fieldnotes.example/cb ',
  '//fieldnotes.example/cb',
  '/cb',
  'fieldnotes.example/cb',
  'javascript:alert(1)//fieldnotes.example/cb',
  'data:text/html,https://fieldnotes.example/cb',
  'https://*.example/cb',
  'https://fieldnotes.example/cb https://evil.example',
  '',
];

test('every variant of the registered redirect URI gets an error page without a link or redirect', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const browser = new Browser(server.issuer);
  assert.ok(VARIANTS.length >= 40);
  const exact = await browser.get(authorizeUrl(authorization(client, { redirect_uri: REGISTERED })));
  assert.equal(exact.status, 303, 'the registered URI itself works');
  for (const uri of VARIANTS) {
    // Another error in the request must not cause a redirect either.
    for (const more of [{}, { prompt: 'none' }, { response_type: 'token' }, { response_mode: 'form_post' }]) {
      const request = authorization(client, { redirect_uri: uri, ...more });
      const response = await new Browser(server.issuer).get(authorizeUrl(request));
      const seen = `${JSON.stringify(uri)} ${JSON.stringify(more)}`;
      assert.equal(response.status, 400, seen);
      assert.equal(response.headers.get('location'), null, seen);
      const html = await response.text();
      assert.ok(
        !html.includes('Submitting Callback') && !/href="(https?:|javascript:|data:)/i.test(html),
        seen,
      );
    }
  }
  assert.equal((await server.database.knex('T_authorization_requests')).length, 0);
});

test('a request that names no redirect URI is refused, with two registered and with one', async (t) => {
  const server = await startServer(t, 'sqlite');
  for (const redirectUris of [[REGISTERED], [REGISTERED, 'https://fieldnotes.example/other']]) {
    const client = await server.createClient({ redirectUris });
    const request = authorization(client, { redirect_uri: undefined });
    const response = await new Browser(server.issuer).get(authorizeUrl(request));
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('location'), null);
  }
});

test('the host of a redirect URI has no characters that mean something in the headers of a page', async (t) => {
  const server = await startServer(t, 'sqlite');
  for (const host of ['x;sandbox', 'x,y', 'a$`b', "a$'b"])
    await assert.rejects(
      async () => server.createClient({ redirectUris: [`https://${host}/cb`] }),
      /has a host with characters that no host name has/,
      host,
    );
  // An earlier version may have registered them. To a browser without Fetch Metadata the policy names the host.
  const policyFor = (host: string) => {
    let policy = "default-src 'none'; form-action 'self'";
    const response = { get: () => policy };
    const set = (_name: string, value: string) => {
      policy = value;
    };
    allowFormTarget({ get: () => '', response, set } as unknown as Context, `https://${host}/cb`);
    return policy;
  };
  assert.match(policyFor('fieldnotes.example'), /form-action 'self' https:\/\/fieldnotes\.example$/);
  for (const host of ['x;sandbox', 'x,y', 'a$`b', "a$'b"])
    assert.equal(policyFor(host), "default-src 'none'; form-action 'self'", host);
});

test('the redirect URI of another application is refused', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  await server.createClient({ redirectUris: ['https://other.example/cb'] });
  const request = authorization(client, { redirect_uri: 'https://other.example/cb' });
  const response = await new Browser(server.issuer).get(authorizeUrl(request));
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('location'), null);
});
