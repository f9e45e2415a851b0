import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

/** Sends a POST with `Content-Length: 0`, which fetch does not. */
function postNothing(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; location?: string }> {
  return new Promise((done, failed) => {
    const sent = httpRequest(
      url,
      { method: 'POST', headers: { ...headers, 'content-length': '0' } },
      (response) => {
        response.resume();
        response.once('end', () =>
          done({ status: Number(response.statusCode), location: response.headers.location }),
        );
      },
    );
    sent.once('error', failed);
    sent.end();
  });
}

test('prompt=select_account offers the signed-in account or another one', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ firstParty: true });
  const ada = await server.createAccount('ada');
  const bob = await server.createAccount('bob');
  const { browser } = await signInWith(server, client, ada, { prompt: 'select_account' });
  const open = async () => {
    const request = authorization(client, { prompt: 'select_account' });
    const page = await browser.follow(await browser.get(authorizeUrl(request)));
    return { request, page, form: await formOf(page.clone()) };
  };
  const same = await open();
  assert.match(await textOf(same.page), /signed in as ada \. Which account/);
  const sent = await browser.follow(
    await browser.post(same.form.action, { ...same.form.fields, account: 'this' }),
  );
  const tokens = await redeem(server, client, same.request, answerOf(sent).get('code'));
  assert.equal(tokens.status, 200);

  const other = await open();
  assert.equal((await browser.post(other.form.action, { ...other.form.fields, account: 'x' })).status, 400);
  const login = await browser.follow(
    await browser.post(other.form.action, { ...other.form.fields, account: 'other' }),
  );
  assert.match((await formOf(login)).html, /name="password"/);
  const silent = answerOf(
    await browser.get(authorizeUrl(authorization(client, { prompt: 'none select_account' }))),
  );
  assert.equal(silent.get('error'), 'invalid_request');
  const fresh = authorization(client, { prompt: 'select_account' });
  assert.ok(
    answerOf(await walk(new Browser(server.issuer), fresh, bob)).get('code'),
    'nobody is signed in: sign-in',
  );
  const discovery = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
  assert.ok(
    (discovery as { prompt_values_supported: string[] }).prompt_values_supported.includes('select_account'),
  );
});

test('a public client may send HTTP Basic with an empty secret, one with a secret may not', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({ public: true });
  const person = await server.createAccount();
  const request = authorization(client);
  const code = answerOf(await walk(new Browser(server.issuer), request, person)).get('code');
  const post = (path: string, authorizationHeader: string, fields: Record<string, string>) =>
    fetch(`${server.issuer}${path}`, {
      method: 'POST',
      headers: { authorization: authorizationHeader },
      body: new URLSearchParams(fields),
    });
  const grant = {
    grant_type: 'authorization_code',
    code: String(code),
    redirect_uri: String(request.params.redirect_uri),
    code_verifier: request.verifier,
  };
  const mismatch = await post('/token', basic('another', ''), { ...grant, client_id: client.client_id });
  assert.ok(mismatch.status === 400 || mismatch.status === 401);
  const tokens = await post('/token', basic(client.client_id, ''), grant);
  assert.equal(tokens.status, 200, await tokens.clone().text());
  const { access_token: token } = (await tokens.json()) as { access_token: string };
  const revoked = await post('/token/revocation', basic(client.client_id, ''), { token });
  assert.deepEqual([revoked.status, await revoked.json()], [200, {}]);
  assert.match(String(revoked.headers.get('content-type')), /^application\/json/);

  const secret = await server.createClient({ redirectUris: [], grantTypes: ['client_credentials'] });
  for (const header of [basic(secret.client_id, ''), basic('', ''), basic('nobody', '')]) {
    const answer = await post('/token', header, { grant_type: 'client_credentials' });
    assert.equal(answer.status, 401);
    assert.equal(((await answer.json()) as { error: string }).error, 'invalid_client');
  }
});

test('a POST with an empty body is understood, whatever type it names', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const { tokens } = await signInWith(server, client, await server.createAccount());
  const bearer = { authorization: `Bearer ${tokens.body.access_token}` };
  for (const type of [undefined, 'application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    assert.equal((await postNothing(`${server.issuer}/me`, { ...bearer, ...headers })).status, 200, type);
    assert.equal((await postNothing(`${server.issuer}/token`, headers)).status, 401, type);
    const signOut = await postNothing(`${server.issuer}/session/end`, headers);
    assert.deepEqual([signOut.status, signOut.location], [303, '/session/end'], type);
  }
});

test('a request of a client without that grant is unauthorized_client', async (t) => {
  const server = await startServer(t, 'sqlite');
  const web = await server.createClient();
  const service = await server.createClient({ redirectUris: [], grantTypes: ['client_credentials'] });
  for (const [client, grant_type] of [
    [web, 'client_credentials'],
    [service, 'authorization_code'],
    [service, 'refresh_token'],
  ] as const) {
    const { status, body } = await call(server, client, '/token', { grant_type });
    assert.deepEqual([status, body.error], [400, 'unauthorized_client'], grant_type);
    const { last_refused } = await server.clients.show(client.client_id);
    assert.equal((last_refused as { error: string }).error, 'unauthorized_client');
  }
  const imposter = { ...web, client_secret: 'wrong' };
  const { body } = await call(server, imposter, '/token', { grant_type: 'client_credentials' });
  assert.equal(
    body.error,
    'invalid_client',
    'the answer about grants is only for a client that authenticated',
  );
});

test('an application has further origins by --cors-origin, and a private-use scheme allows no sandboxed page', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({
    public: true,
    redirectUris: ['com.example.scribe:/cb', 'https://app.example/cb'],
    corsOrigins: ['capacitor://localhost', 'http://127.0.0.1:8100'],
  });
  const allowed = async (origin: string) => {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_id: client.client_id,
    });
    const response = await fetch(`${server.issuer}/token`, { method: 'POST', body, headers: { origin } });
    return response.headers.get('access-control-allow-origin');
  };
  for (const origin of ['capacitor://localhost', 'http://127.0.0.1:8100', 'https://app.example'])
    assert.equal(await allowed(origin), origin);
  for (const origin of ['null', 'https://evil.example', 'capacitor://evil'])
    assert.equal(await allowed(origin), null);
  for (const origin of ['*', 'null', 'https://app.example/', 'https://*.example', 'https://A.example', 'x'])
    await assert.rejects(
      server.clients.update(OPERATOR, client.client_id, { corsOrigins: [origin] }),
      /origin/i,
      origin,
    );
});
