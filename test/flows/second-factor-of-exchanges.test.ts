import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, signInWith } from '../support/builders/authorization.ts';
import {
  beginExchange,
  EXCHANGE,
  exchange,
  SEARCH,
  signInForApi,
} from '../support/builders/token-exchange.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines)
  test(`an exchange leads to no API that the sign-in would have needed a second factor for on ${engine}`, async (t) => {
    const secondFactor = { everyone: false, scopes: ['payments:*'], roles: [] };
    const { server, api, app, ada } = await beginExchange(t, engine, {}, { secondFactor });
    const { resources } = server.services;
    await resources.update({ accountId: null }, SEARCH, { scope: 'notes:read payments:write' });
    const { body } = await signInForApi(server, app, ada, 'openid notes:read');
    const { knex } = server.database;

    const plain = await exchange(server, api, body.access_token);
    assert.equal(plain.status, 200, 'the account may have no scope that a rule names');
    await knex('T_accounts')
      .where({ id: ada.id })
      .update({ scopes: '["openid","profile","notes:*","payments:*"]' });
    for (const scope of [undefined, 'notes:read']) {
      const refused = await exchange(server, api, body.access_token, { scope });
      assert.deepEqual(
        [refused.status, refused.body.error, refused.body.acr_values],
        [400, 'insufficient_user_authentication', 'mfa'],
      );
    }

    const row = await knex('T_access_tokens').where({ client_id: app.client_id }).first();
    const payload = JSON.parse(row.payload);
    assert.equal(payload.extra.acr, 'pwd');
    const strong = JSON.stringify({ ...payload, extra: { ...payload.extra, acr: 'phr' } });
    await knex('T_access_tokens').where({ id: row.id }).update({ payload: strong });
    const allowed = await exchange(server, api, body.access_token);
    assert.equal(allowed.status, 200, JSON.stringify(allowed.body));
    const info = await call(server, api, '/token/introspection', { token: allowed.body.access_token });
    assert.equal(info.body.acr, 'phr');
  });

test('the session says how the user signed in when the token is for no resource', async (t) => {
  const secondFactor = { everyone: false, scopes: ['payments:*'], roles: [] };
  const { server, api, ada } = await beginExchange(
    t,
    'sqlite',
    {
      redirectUris: ['https://notes.example/cb'],
      grantTypes: ['authorization_code', 'client_credentials', EXCHANGE],
      scope: 'openid notes:read',
    },
    { secondFactor },
  );
  const { knex } = server.database;
  await server.services.resources.update({ accountId: null }, SEARCH, { scope: 'notes:read payments:write' });
  await knex('T_accounts').where({ id: ada.id }).update({ scopes: '["openid","notes:*","payments:*"]' });
  const { tokens } = await signInWith(server, api, ada, { scope: 'openid notes:read' });
  const token = String(tokens.body.access_token);
  assert.equal((await exchange(server, api, token)).body.error, 'insufficient_user_authentication');

  const session = await knex('T_user_sessions').where({ account_id: ada.id }).first();
  const strong = JSON.stringify({ ...JSON.parse(session.payload), acr: 'mfa' });
  await knex('T_user_sessions').where({ id: session.id }).update({ payload: strong });
  const allowed = await exchange(server, api, token);
  assert.equal(allowed.status, 200, JSON.stringify(allowed.body));
});
