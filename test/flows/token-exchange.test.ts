import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { call, signInWith } from '../support/builders/authorization.ts';
import {
  actorToken,
  beginExchange,
  EXCHANGE,
  exchange,
  NOTES,
  SEARCH,
  signInForApi,
} from '../support/builders/token-exchange.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };

describe('token exchange', () => {
  test('is refused for other tokens, types, resources, scopes and applications', async (t) => {
    const { server, api, app, ada } = await beginExchange(t, 'sqlite');
    const { body } = await signInForApi(server, app, ada, 'openid notes:read');
    const subject = body.access_token;
    const { resources } = server.services;
    await resources.create(OPERATOR, { identifier: 'https://mail.example/api', scope: 'notes:read' });
    const stranger = await server.createClient({
      redirectUris: [],
      resourceServer: true,
      scope: 'notes:read',
      grantTypes: ['client_credentials', EXCHANGE],
      exchangeResources: [SEARCH],
    });
    const other = await actorToken(server, stranger);
    const refused: [string, string, string | undefined, Record<string, string | undefined>][] = [
      ['impersonation', 'invalid_request', subject, { actor_token: undefined, actor_token_type: undefined }],
      ['the actor token of another application', 'invalid_request', subject, { actor_token: other }],
      ['the user as the actor', 'invalid_request', subject, { actor_token: subject }],
      ['an actor token without a type', 'invalid_request', subject, { actor_token_type: undefined }],
      ['no subject token', 'invalid_request', undefined, {}],
      ['an unknown subject token', 'invalid_request', 'x'.repeat(43), {}],
      ['a token without a user', 'invalid_request', await actorToken(server, api), {}],
      ['an ID token', 'invalid_request', String(body.id_token), {}],
      [
        'another subject type',
        'invalid_request',
        subject,
        { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      ],
      [
        'a refresh token',
        'invalid_request',
        subject,
        { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      ],
      ['no resource', 'invalid_target', subject, { resource: undefined }],
      ['two targets', 'invalid_target', subject, { audience: 'https://mail.example/api' }],
      ['an unknown resource', 'invalid_target', subject, { resource: 'https://unknown.example/api' }],
      [
        'a resource that it may not call',
        'invalid_target',
        subject,
        { resource: 'https://mail.example/api' },
      ],
      ['its own API', 'invalid_target', subject, { resource: NOTES }],
      ['more than the subject token', 'invalid_scope', subject, { scope: 'notes:read notes:write' }],
      ['scopes of Latchkey', 'invalid_scope', subject, { scope: 'openid' }],
    ];
    for (const [what, error, token, fields] of refused) {
      const answer = await exchange(server, api, token, fields);
      assert.deepEqual(
        [answer.status, answer.body.error],
        [400, error],
        `${what}: ${JSON.stringify(answer.body)}`,
      );
    }
    const foreign = await exchange(server, stranger, subject);
    assert.equal(foreign.body.error, 'invalid_request');
    const notAllowed = await exchange(server, app, subject);
    assert.equal(notAllowed.status, 400);
    const good = await exchange(server, api, subject, { audience: SEARCH, resource: undefined });
    assert.deepEqual([good.status, good.body.scope], [200, 'notes:read']);
    const rows = await server.database.knex('T_auth_audit_log').where({ action: 'token.exchanged' });
    assert.equal(rows.length, 1);
  });

  test('refuses a revoked subject token, and one of an API whose tokens are JWTs', async (t) => {
    const { server, api, app, ada } = await beginExchange(t, 'sqlite');
    const { body } = await signInForApi(server, app, ada);
    await call(server, app, '/token/revocation', { token: body.access_token });
    assert.equal((await exchange(server, api, body.access_token)).body.error, 'invalid_request');
    const identifier = 'https://signed.example/api';
    await server.services.resources.create(OPERATOR, {
      identifier,
      scope: 'notes:read',
      format: 'jwt',
      clientId: api.client_id,
    });
    const signed = await signInForApi(server, app, ada, 'openid notes:read', identifier);
    assert.equal(decodeJwt(String(signed.body.access_token)).aud, identifier);
    const answer = await exchange(server, api, signed.body.access_token);
    assert.match(String(answer.body.error_description), /its API must get opaque tokens/);
  });

  test('gives a JWT with act to an API that asks for those', async (t) => {
    const { server, api, app, ada } = await beginExchange(t, 'sqlite');
    await server.services.resources.update(OPERATOR, SEARCH, { format: 'jwt' });
    const { body } = await signInForApi(server, app, ada);
    const answer = await exchange(server, api, body.access_token);
    const claims = decodeJwt(String(answer.body.access_token));
    assert.deepEqual(
      [claims.sub, claims.aud, claims.client_id, claims.act],
      [ada.id, SEARCH, api.client_id, { sub: api.client_id }],
    );
    assert.ok(claims.auth_time);
    const { body: info } = await call(server, api, '/token/introspection', {
      token: answer.body.access_token,
    });
    assert.deepEqual([info.active, info.act], [true, { sub: api.client_id }]);
  });

  test('works beside a sign-in of the same user to the API itself', async (t) => {
    const { server, api, app, ada } = await beginExchange(t, 'sqlite', {
      redirectUris: ['https://notes.example/cb'],
      grantTypes: ['authorization_code', 'client_credentials', EXCHANGE],
      scope: 'openid notes:read notes:write',
    });
    const { browser, body } = await signInForApi(server, app, ada);
    await signInWith(server, api, ada, { scope: 'openid' }, browser);
    const answer = await exchange(server, api, body.access_token);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const info = await call(server, api, '/token/introspection', { token: answer.body.access_token });
    assert.equal(info.body.active, true);
    const me = await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${answer.body.access_token}` },
    });
    assert.equal(me.status, 403);
  });

  test('is off until an operator names resources, and no public application can do it', async (t) => {
    const { server, api, app, ada } = await beginExchange(t, 'sqlite', { exchangeResources: [] });
    const { body } = await signInForApi(server, app, ada);
    assert.equal((await exchange(server, api, body.access_token)).body.error, 'invalid_target');
    const run = (...args: string[]) => latchkey(['client', ...args, '--json'], { url: server.storage.url });
    const refused = await run(
      'create',
      '--name',
      'X',
      '--public',
      '--redirect-uri',
      'https://x.example/cb',
      '--grant-type',
      'authorization_code',
      '--grant-type',
      EXCHANGE,
    );
    assert.match(refused.stderr, /public application cannot exchange tokens/);
    const lacking = await run('update', app.client_id, '--exchange-resource', SEARCH);
    assert.match(lacking.stderr, /--exchange-resource needs --grant-type/);
    const updated = await run('update', api.client_id, '--exchange-resource', SEARCH);
    assert.deepEqual(JSON.parse(updated.stdout).exchange_resources, [SEARCH]);
    const cleared = await run('update', api.client_id, '--no-exchange-resource');
    assert.deepEqual(JSON.parse(cleared.stdout).exchange_resources, []);
  });
});
