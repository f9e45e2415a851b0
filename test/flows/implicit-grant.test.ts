import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { BOTH, CALLBACK, fragmentOf, IMPLICIT, NO_PKCE } from '../support/builders/implicit-grant.ts';
import { startServer, type TestServer } from '../support/server.ts';

describe('with LATCHKEY_IMPLICIT_GRANT, the implicit grant', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;
  let client: ClientDocument;
  before(async () => {
    server = await startServer(t, 'sqlite', { config: { implicitGrant: true } });
    ada = await server.createAccount('ada', 'openid profile email calendar:read');
    client = await server.createClient(IMPLICIT);
  });
  after(close);

  const me = (token: string | undefined) =>
    fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  const visit = (
    params: Record<string, string | undefined>,
    who = client,
    browser = new Browser(server.issuer),
  ) => browser.get(authorizeUrl(authorization(who, { ...BOTH, ...params })));

  test('is in the metadata', async () => {
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const metadata = (await response.json()) as Record<string, string[]>;
    assert.deepEqual(metadata.response_types_supported, ['code', 'id_token', 'id_token token']);
    assert.ok(metadata.grant_types_supported?.includes('implicit'));
  });

  test('answers in the fragment with an ID token of the nonce and the access token, after consent', async () => {
    const browser = new Browser(server.issuer);
    const request = authorization(client, { ...BOTH, scope: 'openid email offline_access calendar:write' });
    const page = await browser.follow(await browser.get(authorizeUrl(request)));
    const { action, fields } = await formOf(page);
    const consent = await browser.follow(
      await browser.post(action, { ...fields, username: ada.username, password: ada.password }),
    );
    const form = await formOf(consent);
    assert.match(form.html, /e-mail/);
    const end = await browser.follow(await browser.post(form.action, { ...form.fields, decision: 'allow' }));
    const answer = fragmentOf(end);
    assert.deepEqual(Object.keys(answer).sort(), [
      'access_token',
      'expires_in',
      'id_token',
      'scope',
      'state',
      'token_type',
    ]);
    assert.equal(answer.state, request.params.state);
    assert.equal(answer.scope, 'openid email');
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    const { payload } = await jwtVerify(String(answer.id_token), keys, {
      issuer: server.issuer,
      audience: client.client_id,
    });
    const half = createHash('sha256').update(String(answer.access_token)).digest().subarray(0, 16);
    assert.deepEqual(
      [payload.nonce, payload.sub, payload.at_hash],
      [request.params.nonce, ada.id, half.toString('base64url')],
    );
    assert.equal((await me(answer.access_token)).status, 200);
    const rows = await server.database.knex('T_refresh_tokens').where({ client_id: client.client_id });
    assert.deepEqual(rows, []);
    const codes = await server.database.knex('T_authorization_codes').where({ client_id: client.client_id });
    assert.deepEqual(codes, []);
    const requests = await server.database
      .knex('T_authorization_requests')
      .where({ client_id: client.client_id });
    assert.deepEqual(requests.map(({ status, response_type }) => [status, response_type]).at(-1), [
      'approved',
      'id_token token',
    ]);
    const { traces } = server.services;
    await traces.write();
    const { stories } = await traces.list({ clientId: client.client_id, limit: 50 });
    const story = stories.find(({ steps }) => steps.some(({ step }) => step === 'token'));
    assert.deepEqual(
      [story?.ending, story?.steps.map(({ step }) => step).slice(-4)],
      ['connected', ['request', 'sign_in', 'consent', 'token']],
    );
    // The remembered consent counts in a new browser, and the session in this one.
    assert.ok(fragmentOf(await visit({ prompt: 'none', scope: 'openid email' }, client, browser)).id_token);
  });

  test('without an access token has the claims of the scopes in the ID token, and no access token', async () => {
    const one = await server.createClient({ ...IMPLICIT, idTokenClaims: 'requested' });
    const request = authorization(one, { response_type: 'id_token', ...NO_PKCE });
    const answer = fragmentOf(await walk(new Browser(server.issuer), request, ada));
    assert.deepEqual(Object.keys(answer).sort(), ['id_token', 'state']);
    const claims = decodeJwt(String(answer.id_token));
    assert.equal(claims.preferred_username, 'ada');
    assert.equal(claims.at_hash, undefined);
  });

  test('beside an access token has the claims in the ID token that the request names, and no others', async () => {
    const claims = JSON.stringify({ id_token: { preferred_username: null } });
    const answer = fragmentOf(
      await walk(new Browser(server.issuer), authorization(client, { ...BOTH, claims }), ada),
    );
    const { preferred_username, updated_at } = decodeJwt(String(answer.id_token));
    assert.deepEqual([preferred_username, updated_at], ['ada', undefined]);
  });

  test('may be answered by a form, and never by a query', async () => {
    const browser = new Browser(server.issuer);
    await walk(browser, authorization(client, BOTH), ada);
    const { fields, action } = await formOf(await visit({ response_mode: 'form_post' }, client, browser));
    assert.equal(action, CALLBACK);
    assert.ok(fields.id_token && fields.access_token);
    for (const response_mode of ['query', 'query.jwt']) {
      const location = String((await visit({ response_mode }, client, browser)).headers.get('location'));
      assert.doesNotMatch(location, /id_token=|access_token=|response=ey.*access/);
    }
  });

  test('needs a nonce, and the scope openid', async () => {
    const answer = fragmentOf(await visit({ nonce: undefined }));
    assert.deepEqual([answer.error, answer.iss], ['invalid_request', server.issuer]);
    assert.match(String(answer.error_description), /nonce/);
    assert.equal(fragmentOf(await visit({ scope: 'profile' })).error, 'invalid_request');
  });

  test('is for no other response type and no other application', async () => {
    for (const response_type of ['token', 'code id_token', 'code token', 'code id_token token', 'none']) {
      const location = String((await visit({ response_type })).headers.get('location'));
      assert.match(location, /error=unsupported_response_type/, response_type);
    }
    const plain = await server.createClient();
    for (const response_type of ['id_token', 'id_token token', 'token id_token']) {
      const answer = fragmentOf(await visit({ response_type }, plain));
      assert.deepEqual(
        [answer.error, answer.id_token, answer.access_token],
        ['invalid_request', undefined, undefined],
      );
    }
    const onlyOne = await server.createClient({ ...IMPLICIT, responseTypes: ['id_token'] });
    assert.equal(fragmentOf(await visit({}, onlyOne)).error, 'invalid_request');
    const code = answerOf(await visit({ response_type: 'code' }));
    assert.deepEqual([code.get('error'), code.get('code')], ['invalid_request', null]);
    const pushed = await call(server, plain, '/request', authorization(plain, BOTH).params);
    assert.deepEqual([pushed.status, pushed.body.error], [400, 'invalid_request']);
  });

  test('changes nothing about codes, PKCE and refresh tokens of an application that has both', async () => {
    const both = await server.createClient({
      public: true,
      grantTypes: ['authorization_code', 'refresh_token', 'implicit'],
      responseTypes: ['code', 'id_token token'],
      redirectUris: [CALLBACK],
    });
    const without = answerOf(await visit({ response_type: 'code' }, both));
    assert.match(String(without.get('error_description')), /code_challenge/);
    const browser = new Browser(server.issuer);
    const { tokens } = await signInWith(server, both, ada, {}, browser);
    assert.ok(tokens.body.refresh_token);
    const answer = fragmentOf(await visit({ prompt: 'none' }, both, browser));
    assert.ok(answer.access_token);
    assert.equal(answer.refresh_token, undefined);
    const asRefresh = await call(server, both, '/token', {
      grant_type: 'refresh_token',
      refresh_token: answer.access_token,
    });
    assert.equal(asRefresh.body.error, 'invalid_grant');
    const asGrant = await call(server, both, '/token', { grant_type: 'implicit' });
    assert.equal(asGrant.body.error, 'unsupported_grant_type');
  });

  test('gives no token for an API, of authorization details or of a key', async () => {
    for (const more of [
      { resource: 'https://api.example' },
      { authorization_details: '[{"type":"payment"}]' },
      { dpop_jkt: 'x'.repeat(43) },
    ]) {
      const answer = fragmentOf(await visit(more));
      assert.equal(answer.error, 'invalid_request', JSON.stringify(more));
      assert.match(String(answer.error_description), /response_type=code/);
    }
  });

  test('ends with its grant, like other tokens', async () => {
    const browser = new Browser(server.issuer);
    const answer = fragmentOf(await walk(browser, authorization(client, BOTH), ada));
    assert.equal((await me(answer.access_token)).status, 200);
    const revoked = await call(server, client, '/token/revocation', { token: answer.access_token });
    assert.equal(revoked.status, 200);
    assert.equal((await me(answer.access_token)).status, 401);
  });
});
