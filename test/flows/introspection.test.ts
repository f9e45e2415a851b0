import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, signInWith } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };

describe('introspection, revocation and userinfo', () => {
  test('an application neither sees nor ends the tokens of another', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const other = await server.createClient();
    const { tokens } = await signInWith(server, client, await server.createAccount());
    const token = tokens.body.access_token;
    assert.deepEqual((await call(server, other, '/token/introspection', { token })).body, {
      active: false,
    });
    await call(server, other, '/token/revocation', { token });
    assert.equal((await call(server, client, '/token/introspection', { token })).body.active, true);
    assert.equal((await call(server, client, '/token/revocation', { token })).status, 200);
    assert.deepEqual((await call(server, client, '/token/introspection', { token })).body, {
      active: false,
    });
  });

  test('tell an application the username only if it was granted the profile', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    for (const [scope, username] of [
      ['openid', undefined],
      ['openid email', undefined],
      ['openid profile', 'ada'],
    ] as const) {
      const { tokens } = await signInWith(server, client, ada, { scope });
      const token = tokens.body.access_token;
      const { body } = await call(server, client, '/token/introspection', { token });
      assert.equal(body.username, username, scope);
    }
  });

  test('clients must authenticate, and a token in the query is ignored', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const { tokens } = await signInWith(server, client, await server.createAccount(), { scope: 'openid' });
    const token = String(tokens.body.access_token);
    for (const path of ['/token/introspection', '/token/revocation']) {
      const body = new URLSearchParams({ token });
      assert.equal((await fetch(`${server.issuer}${path}`, { method: 'POST', body })).status, 401);
    }
    assert.equal((await call(server, client, '/token/introspection', { token })).body.active, true);
    const query = await fetch(`${server.issuer}/me?access_token=${token}`);
    assert.ok(query.status === 400 || query.status === 401, String(query.status));
    const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual(Object.keys((await me.json()) as object), ['sub'], 'only the claims of openid');
  });

  test('read our JWTs like other tokens, and learn that foreign ones are not active', async (t) => {
    const server = await startServer(t, 'sqlite');
    const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'notes:read' });
    const client = await server.createClient({
      scope: 'openid notes:read',
      grantTypes: ['authorization_code', 'client_credentials'],
    });
    const resource = 'https://notes.example/api';
    const notes = { identifier: resource, scope: 'notes:read', clientId: api.client_id };
    await server.services.resources.create(OPERATOR, { ...notes, format: 'jwt' });
    const ada = await server.createAccount('ada', 'openid notes:read');
    const scope = 'openid notes:read';
    const { tokens, browser } = await signInWith(server, client, ada, { scope, resource });
    const { access_token: jwt = '', id_token: idToken = '' } = tokens.body;
    const service = await call(server, client, '/token', {
      grant_type: 'client_credentials',
      resource,
      scope: 'notes:read',
    });
    const ask = async (token = '', as = api) =>
      (await call(server, as, '/token/introspection', { token })).body;
    const { active, sub, aud, username, ...rest } = await ask(jwt);
    assert.deepEqual([active, sub, aud, username], [true, ada.id, resource, 'ada']);
    assert.deepEqual(
      [rest.scope, rest.client_id, rest.acr, rest.token_type],
      ['notes:read', client.client_id, 'pwd', 'Bearer'],
    );
    assert.equal((await ask(jwt, client)).active, true, 'its own application');
    const ofService = await ask(service.body.access_token);
    assert.deepEqual([ofService.active, ofService.sub], [true, undefined]);

    const [header, payload] = jwt.split('.');
    const forged = `${header}.${payload}.${'A'.repeat(342)}`;
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
    const others = [forged, unsigned, idToken, 'eyJhbGciOiJSUzI1NiJ9.e30.e30', 'eyJhbGciOiJkaXIifQ....'];
    for (const token of others) assert.deepEqual(await ask(token), { active: false }, token);
    const stranger = await server.createClient({ redirectUris: [], resourceServer: true, scope: '*:*' });
    assert.deepEqual(await ask(jwt, stranger), { active: false }, 'the API is that of another client');
    const { knex } = server.database;
    const refused = await knex('T_auth_audit_log').where({ action: 'introspection.refused' });
    assert.deepEqual(
      refused.map(({ client_id }) => client_id),
      [stranger.client_id],
      'tokens that are none are refused nothing',
    );

    await server.services.consents.withdraw(OPERATOR, { accountId: ada.id });
    assert.deepEqual(await ask(jwt), { active: false }, 'its user has taken back the access');
    const again = await signInWith(server, client, ada, { scope, resource }, browser);
    assert.equal((await ask(again.tokens.body.access_token)).active, true);
    await server.accounts.disable(OPERATOR, 'ada');
    assert.deepEqual(await ask(again.tokens.body.access_token), { active: false }, 'the account is disabled');
  });
});
