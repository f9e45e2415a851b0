import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call, refresh } from '../support/builders/authorization.ts';
import { beginExchange, exchange, SEARCH, signInForApi } from '../support/builders/token-exchange.ts';
import { engines } from '../support/engines.ts';

const OPERATOR = { accountId: null };

for (const engine of engines) {
  describe(`an exchanged token on ${engine}`, () => {
    test('is for the other API, names who acts, and lives no longer than the subject token', async (t) => {
      const { server, api, app, ada } = await beginExchange(t, engine);
      const { body } = await signInForApi(server, app, ada);
      const ends = new Date(Date.now() + 100_000);
      const rows = await server.database.knex('T_access_tokens').where({ kind: 'access_token' });
      const payload = { ...JSON.parse(rows[0].payload), exp: Math.floor(ends.getTime() / 1000) };
      await server.database
        .knex('T_access_tokens')
        .where({ id: rows[0].id })
        .update({ payload: JSON.stringify(payload), expires_at: ends });

      const answer = await exchange(server, api, body.access_token, { scope: 'notes:read' });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.equal(answer.body.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
      assert.equal(answer.body.token_type, 'Bearer');
      assert.equal(answer.body.scope, 'notes:read');
      assert.equal(answer.body.refresh_token, undefined);
      assert.ok(Number(answer.body.expires_in) <= 100);
      const info = await call(server, api, '/token/introspection', { token: answer.body.access_token });
      assert.deepEqual(
        [info.body.active, info.body.sub, info.body.aud, info.body.client_id, info.body.act],
        [true, ada.id, SEARCH, api.client_id, { sub: api.client_id }],
      );
      const [event] = await server.database.knex('T_auth_audit_log').where({ action: 'token.exchanged' });
      assert.deepEqual(
        [event.account_id, event.client_id, event.target, JSON.parse(event.details).subject_client_id],
        [ada.id, api.client_id, SEARCH, app.client_id],
      );
    });

    test('ends with the session, the grant and the sign-in of the subject token, and with the account', async (t) => {
      const { server, api, app, ada } = await beginExchange(t, engine);
      const { sessions, consents } = server.services;
      const ways: Record<string, (signedIn: Awaited<ReturnType<typeof signInForApi>>) => Promise<unknown>> = {
        session: () => sessions.endAll(OPERATOR, ada.id),
        consent: () => consents.withdraw(OPERATOR, { accountId: ada.id, clientId: app.client_id }),
        replay: async ({ body }) => {
          const spent = await refresh(server, app, body.refresh_token);
          await refresh(server, app, spent.body.refresh_token);
          await server.database
            .knex('T_refresh_tokens')
            .update({ consumed_at: new Date(Date.now() - 600_000) });
          return refresh(server, app, body.refresh_token);
        },
        account: () => server.accounts.disable(OPERATOR, ada.username),
      };
      for (const [way, end] of Object.entries(ways)) {
        const signedIn = await signInForApi(
          server,
          app,
          ada,
          way === 'replay' ? 'openid offline_access notes:read' : undefined,
        );
        const { body } = await exchange(server, api, signedIn.body.access_token);
        const isActive = async (token: unknown) =>
          (await call(server, api, '/token/introspection', { token: String(token) })).body.active;
        assert.equal(await isActive(body.access_token), true, way);
        await end(signedIn);
        assert.equal(await isActive(body.access_token), false, way);
        const again = await exchange(server, api, signedIn.body.access_token);
        assert.deepEqual([again.status, again.body.error], [400, 'invalid_request'], way);
      }
    });

    test('can be exchanged again, and then names both applications', async (t) => {
      const { server, api, app, ada } = await beginExchange(t, engine);
      const search = await server.createClient({
        name: 'Search API',
        redirectUris: [],
        resourceServer: true,
        scope: 'notes:read',
        grantTypes: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
        exchangeResources: ['https://index.example/api'],
      });
      const { resources } = server.services;
      await resources.update(OPERATOR, SEARCH, { clientId: search.client_id });
      await resources.create(OPERATOR, { identifier: 'https://index.example/api', scope: 'notes:read' });
      const signedIn = await signInForApi(server, app, ada);
      const first = await exchange(server, api, signedIn.body.access_token);
      const second = await exchange(server, search, first.body.access_token, {
        resource: 'https://index.example/api',
      });
      assert.equal(second.status, 200, JSON.stringify(second.body));
      const token = second.body.access_token;
      const info = await call(server, search, '/token/introspection', { token });
      assert.deepEqual(info.body.act, { sub: search.client_id, act: { sub: api.client_id } });
      await server.services.consents.withdraw(OPERATOR, { accountId: ada.id, clientId: app.client_id });
      assert.equal((await call(server, search, '/token/introspection', { token })).body.active, false);
    });
  });
}
