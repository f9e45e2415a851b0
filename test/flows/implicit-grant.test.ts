import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createKey } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const CALLBACK = 'https://fieldnotes.example/cb';
const IMPLICIT = {
  grantTypes: ['implicit'],
  responseTypes: ['id_token', 'token id_token'],
  redirectUris: [CALLBACK],
} satisfies Partial<ClientInput>;
const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };
const BOTH = { response_type: 'id_token token', ...NO_PKCE };

/** The parameters in the fragment of the redirect, which has no query. */
function fragmentOf(response: Response): Record<string, string> {
  const location = new URL(String(response.headers.get('location')));
  assert.equal(location.search, '');
  assert.equal(location.origin + location.pathname, CALLBACK);
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

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

  test('is registered only with https, without bound tokens, and with both names', async () => {
    const key = await createKey('ES256', 'one');
    const fapi = {
      authMethod: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      fapi: true,
    } satisfies Partial<ClientInput>;
    const wrong: [Partial<ClientInput>, RegExp][] = [
      [{ redirectUris: ['http://127.0.0.1/cb'] }, /https only/],
      [{ redirectUris: ['https://localhost/cb'] }, /localhost/],
      [{ redirectUris: ['https://localhost./cb'] }, /localhost/],
      [{ redirectUris: ['https://127.0.0.1/cb'] }, /localhost/],
      [{ redirectUris: ['https://[::1]/cb'] }, /localhost/],
      [{ redirectUris: ['com.example.app:/cb'] }, /https only/],
      [{ redirectUris: [] }, /redirect/],
      [{ requireDpop: true }, /bound/],
      [fapi, /FAPI|bound/],
      [{ grantTypes: ['authorization_code'] }, /go together/],
      [{ responseTypes: ['code'] }, /go together/],
      [{ responseTypes: ['token'] }, /response type is one of/],
      [{ grantTypes: ['implicit', 'refresh_token'] }, /refresh_token/],
      [{ grantTypes: ['implicit', 'authorization_code'] }, /goes together/],
    ];
    for (const [more, why] of wrong)
      await assert.rejects(
        async () => server.createClient({ ...IMPLICIT, ...more }),
        why,
        JSON.stringify(more),
      );
  });

  test('is for applications that register themselves with its response types', async () => {
    const web = { ...DESCRIPTION, redirect_uris: [CALLBACK] };
    const asked = await register(server, {
      ...web,
      response_types: ['token id_token', 'x'],
      grant_types: undefined,
    });
    assert.deepEqual(
      [asked.status, asked.body.response_types, asked.body.grant_types],
      [201, ['id_token token'], ['implicit']],
    );
    const request = authorization(asked.body, BOTH);
    const answer = fragmentOf(await walk(new Browser(server.issuer), request, ada));
    assert.ok(answer.id_token && answer.access_token);
    const usual = await register(server, { ...web, response_types: undefined });
    assert.deepEqual(usual.body.response_types, ['code']);
    const named = await register(server, { ...web, grant_types: ['authorization_code', 'implicit'] });
    assert.deepEqual([named.body.grant_types, named.body.response_types], [['authorization_code'], ['code']]);
    const local = await register(server, { ...DESCRIPTION, response_types: ['id_token'] });
    assert.match(String(local.body.error_description), /https only/);
  });

  test('sends the error of an unchecked application nowhere, and makes no link of it', async () => {
    const { body } = await register(server, {
      ...DESCRIPTION,
      redirect_uris: [CALLBACK],
      response_types: ['id_token'],
    });
    const page = await visit({ response_type: 'id_token', prompt: 'none' }, body);
    assert.equal(page.status, 400);
    assert.equal(page.headers.get('location'), null);
    assert.doesNotMatch(await page.text(), /href="https:\/\/fieldnotes/);
  });
});

describe('without the setting', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  before(async () => {
    server = await startServer(t, 'sqlite');
  });
  after(close);

  test('the implicit grant cannot be registered, and an application that had it gets nothing by it', async () => {
    await assert.rejects(async () => server.createClient(IMPLICIT), /LATCHKEY_IMPLICIT_GRANT/);
    const alone = await register(server, {
      ...DESCRIPTION,
      response_types: ['id_token'],
      redirect_uris: [CALLBACK],
    });
    assert.deepEqual([alone.status, alone.body.error], [400, 'invalid_client_metadata']);
    assert.match(String(alone.body.error_description), /response types code/);
    const client = await server.createClient({ redirectUris: [CALLBACK] });
    const row = await server.database.knex('T_oauth_clients').where({ client_id: client.client_id }).first();
    const metadata = {
      ...JSON.parse(row.metadata),
      grant_types: ['implicit'],
      response_types: ['id_token token'],
    };
    await server.database
      .knex('T_oauth_clients')
      .where({ client_id: client.client_id })
      .update({ metadata: JSON.stringify(metadata) });
    const again = await startServer(t, 'sqlite', { storage: server.storage });
    for (const response_type of ['id_token token', 'code']) {
      const request = authorization(client, { ...BOTH, response_type });
      const response = await new Browser(again.issuer).get(authorizeUrl(request));
      assert.match(String(response.headers.get('location')), /[?#]error=/, response_type);
    }
  });
});

test('latchkey doctor names the setting, and the applications with the implicit grant', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const env = { LATCHKEY_IMPLICIT_GRANT: 'true' };
  const json = async (args: string[], more = {}) =>
    JSON.parse((await latchkey([...args, '--json'], { url, env: more })).stdout);
  const says = async (more = {}) => {
    const findings: { check: string; says: string }[] = await json(['doctor'], more);
    return [
      findings.find(({ check }) => check === 'implicit grant')?.says,
      findings.filter(({ check, says }) => check === 'oauth 2.1' && says.includes('history')).length,
    ];
  };
  assert.deepEqual(await says(), ['off; no application is registered for it', 0]);
  const { client_id: id } = await json(
    `client create --name Old --redirect-uri ${CALLBACK} --grant-type implicit --response-type id_token`.split(
      ' ',
    ),
    env,
  );
  const sentence = `on (LATCHKEY_IMPLICIT_GRANT), though OAuth 2.1 has removed it; registered for Old (${id})`;
  assert.deepEqual(await says(env), [sentence, 1]);
});
