import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, call, redeem, refresh, walk } from '../support/builders/authorization.ts';
import { arriveInNewBrowser } from '../support/builders/consent.ts';
import { DESCRIPTION, manage, register } from '../support/builders/registration.ts';
import type { TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

describe('an application that registers itself', () => {
  const shared = shareServer();
  let server: TestServer;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;

  before(async () => {
    ({ server } = shared);
    ada = await server.createAccount();
  });

  test('finds the endpoint in the metadata, signs a user in after a warning, and refreshes its tokens', async () => {
    const metadata = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    assert.equal(
      ((await metadata.json()) as Record<string, unknown>).registration_endpoint,
      `${server.issuer}/register`,
    );
    const { status, body: client } = await register(server);
    assert.equal(status, 201);
    assert.deepEqual(
      [client.client_name, client.token_endpoint_auth_method, client.client_secret, client.application_type],
      ['Harbour CLI', 'none', undefined, 'native'],
    );
    assert.equal(client.scope, 'openid profile email address phone offline_access');
    const { page } = await arriveInNewBrowser(server, client, ada);
    const html = await page.text();
    assert.match(
      html,
      /<h1>Allow a program on this device to use your account\?[\s\S]*You will return to <b class="mono host">127\.0\.0\.1</,
    );
    assert.match(html, /have not checked this application/);
    // A loopback address may have any port.
    const request = authorization(client, { redirect_uri: 'http://127.0.0.1:51004/cb' });
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    const tokens = await redeem(server, client, request, answer.get('code'));
    assert.equal(tokens.status, 200);
    assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 200);
  });

  test('of a website gets a secret once, which is stored as a digest', async () => {
    const { body: client } = await register(server, {
      client_name: 'Fieldnotes',
      redirect_uris: ['https://fieldnotes.example/cb'],
      token_endpoint_auth_method: 'client_secret_post',
    });
    assert.match(String(client.client_secret), /^[\w-]{43}$/);
    assert.deepEqual(
      [client.client_secret_expires_at, client.token_endpoint_auth_method],
      [0, 'client_secret_post'],
    );
    const request = authorization(client);
    const { code } = Object.fromEntries(answerOf(await walk(new Browser(server.issuer), request, ada)));
    const { client_secret, ...withoutSecret } = client;
    const post = { client_id: client.client_id, client_secret: String(client_secret) };
    assert.equal((await redeem(server, withoutSecret, request, String(code), post)).status, 200);
    const dump = JSON.stringify(await server.database.knex('T_oauth_client_secrets'));
    assert.ok(!dump.includes(String(client_secret)));
    const shown = await manage(
      'GET',
      client.registration_client_uri as string,
      client.registration_access_token as string,
    );
    assert.deepEqual([shown.status, shown.body.client_secret], [200, undefined]);
  });

  test('cannot make itself more than it is', async () => {
    const { status, body: client } = await register(server, {
      ...DESCRIPTION,
      client_id: 'latchkey',
      client_secret: 'mine',
      is_first_party: true,
      firstParty: true,
      pkce: 'off',
      require_pkce: false,
      allowed_scopes: '*:* latchkey:accounts',
      scope: 'openid *:* latchkey:accounts latchkey:*',
      is_resource_server: true,
      cors_origins: ['https://evil.example'],
      claims: ['admin=value:yes'],
      any_port: true,
      registered_via: 'admin',
      display_code: true,
      refresh_token_max_ttl: 315_360_000,
      grant_types: [
        'authorization_code',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:device_code',
        'password',
      ],
    });
    assert.equal(status, 201);
    assert.notEqual(client.client_id, 'latchkey');
    assert.deepEqual(
      [client.scope, client.grant_types, client.client_secret],
      ['openid', ['authorization_code'], undefined],
    );
    for (const member of [
      'is_first_party',
      'pkce',
      'claims',
      'cors_origins',
      'registered_via',
      'allowed_scopes',
      'any_port',
    ])
      assert.ok(!(member in client), member);
    const stored = await server.clients.show(client.client_id);
    assert.deepEqual(
      [
        stored.is_first_party,
        stored.pkce,
        stored.is_resource_server,
        stored.claims,
        stored.cors_origins,
        stored.registered_via,
      ],
      [false, 'always', false, [], [], 'dynamic'],
    );
    assert.equal(
      (await call(server, client, '/token', { grant_type: 'client_credentials' })).body.error,
      'unauthorized_client',
    );
    const request = authorization(client, { code_challenge: undefined, code_challenge_method: undefined });
    const refused = await new Browser(server.issuer).get(`/auth?${new URLSearchParams(request.params)}`);
    assert.equal(answerOf(refused).get('error'), 'invalid_request');
  });

  test('is refused with redirect URIs that an operator could not register, and with dangerous addresses', async () => {
    for (const uri of [
      'http://app.example/cb',
      'https://app.example/cb#fragment',
      'https://*.app.example/cb',
      'https://user:password@app.example/cb',
      'javascript:alert(1)',
      'JavaScript:alert(1)',
      'data:text/html,x',
      'DATA:text/html,x',
      'not a uri',
    ]) {
      const { status, body } = await register(server, { ...DESCRIPTION, redirect_uris: [uri] });
      assert.deepEqual([status, body.error], [400, 'invalid_redirect_uri'], uri);
    }
    for (const member of [
      'client_uri',
      'policy_uri',
      'tos_uri',
      'initiate_login_uri',
      'jwks_uri',
      'backchannel_logout_uri',
    ])
      for (const uri of [
        'javascript:alert(1)',
        'JAVASCRIPT:alert(1)',
        'data:text/html,x',
        'Data:,x',
        'vbscript:x',
      ]) {
        const { status, body } = await register(server, { ...DESCRIPTION, [member]: uri });
        assert.deepEqual([status, body.error], [400, 'invalid_client_metadata'], `${member} ${uri}`);
      }
    for (const document of [
      '[]',
      'null',
      '{',
      '"x"',
      JSON.stringify({ ...DESCRIPTION, redirect_uris: [] }),
      '{"redirect_uris":[1]}',
    ])
      assert.equal((await register(server, document)).status, 400, document);
  });

  test('loads nothing from addresses that it names, and shows no logo', async () => {
    const { body } = await register(server, {
      ...DESCRIPTION,
      logo_uri: 'http://127.0.0.1:1/logo.png',
      jwks_uri: 'https://127.0.0.1:1/jwks.json',
    });
    assert.equal(body.logo_uri, undefined);
    assert.equal(await server.clients.findLogo(body.client_id), null);
  });

  test('does not stand on the home page, nor do its scopes in the metadata', async () => {
    const { body } = await register(server, {
      ...DESCRIPTION,
      client_name: 'Strange Signs',
      redirect_uris: ['https://strange.example/cb'],
      client_uri: 'https://strange.example/',
      scope: 'openid strange:read',
    });
    assert.equal(body.scope, 'openid strange:read');
    assert.ok(!(await server.clients.listFrontPages()).some(({ name }) => name === 'Strange Signs'));
    assert.ok(!(await server.clients.listScopes()).includes('strange:read'));
  });

  test('is answered to scripts of any origin, without cookies', async () => {
    const asked = await fetch(`${server.issuer}/register`, {
      method: 'OPTIONS',
      headers: { origin: 'https://inspector.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual([asked.status, asked.headers.get('access-control-allow-origin')], [204, '*']);
    assert.equal(asked.headers.get('access-control-allow-credentials'), null);
    const { headers } = await register(server, '{');
    assert.equal(headers.get('access-control-allow-origin'), '*');
  });

  test('is listed with how it came, and leaves audit events', async () => {
    const { body } = await register(server);
    const listed = (await server.clients.list()).find(({ client_id }) => client_id === body.client_id);
    assert.equal(listed?.registered_via, 'dynamic');
    const week = new Date(String(listed?.expires_at)).getTime() - Date.now();
    assert.ok(week > 6.9 * 86_400_000 && week <= 7 * 86_400_000);
    const events = await server.database.knex('T_auth_audit_log').where({ client_id: body.client_id });
    assert.deepEqual(
      events.map(({ action, ip_address }) => [action, ip_address]),
      [['client.registered', '127.0.0.1']],
    );
  });
});
