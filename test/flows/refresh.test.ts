import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { call, lost, refresh, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };

async function begin(server: TestServer, client: ClientDocument) {
  const person = await server.createAccount();
  const { tokens } = await signInWith(server, client, person, {
    scope: 'openid profile offline_access',
    prompt: 'consent',
  });
  return { person, token: String(tokens.body.refresh_token) };
}

for (const engine of engines) {
  describe(`refresh on ${engine}`, () => {
    test('without an overlap, a refresh token that is used twice revokes its whole family', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ refreshOverlap: 0 });
      const { token } = await begin(server, client);
      const second = await refresh(server, client, token);
      const third = await refresh(server, client, second.body.refresh_token);
      assert.equal(third.status, 200);
      assert.equal((await refresh(server, client, token)).body.error, 'invalid_grant');
      assert.equal((await refresh(server, client, third.body.refresh_token)).body.error, 'invalid_grant');
      const info = await call(server, client, '/token/introspection', { token: third.body.access_token });
      assert.deepEqual(info.body, { active: false });
    });

    test('without an overlap, of 50 refreshes at once at two servers at most one succeeds', async (t) => {
      const server = await startServer(t, engine);
      const second = await startServer(t, engine, {
        storage: server.storage,
        config: { issuer: server.issuer },
      });
      const client = await server.createClient({ refreshOverlap: 0 });
      const { token } = await begin(server, client);
      const at = [{ issuer: server.issuer }, { issuer: `http://127.0.0.1:${second.config.port}` }];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => refresh(at[index % 2] ?? server, client, token)),
      );
      const won = answers.filter(({ status }) => status === 200);
      assert.ok(won.length <= 1, `${won.length} succeeded`);
      assert.equal(answers.filter(lost).length, 50 - won.length);
      const next = await Promise.all(won.map(({ body }) => refresh(server, client, body.refresh_token)));
      assert.ok(next.filter(({ status }) => status === 200).length <= 1);
    });

    test('a refresh token does not work for another application, a wider scope, or after its account or grant ended', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const other = await server.createClient();
      const { token, person } = await begin(server, client);
      assert.equal((await refresh(server, other, token)).body.error, 'invalid_grant');
      assert.equal(
        (await refresh(server, client, token, { scope: 'openid email' })).body.error,
        'invalid_scope',
      );
      const narrow = await refresh(server, client, token, { scope: 'openid' });
      assert.equal(narrow.body.scope, 'openid');
      await server.accounts.disable(OPERATOR, person.username);
      await server.accounts.enable(OPERATOR, person.username);
      assert.equal((await refresh(server, client, narrow.body.refresh_token)).body.error, 'invalid_grant');
    });

    test('an expired refresh token is refused though its row is still there', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient();
      const { token } = await begin(server, client);
      const row = await knex('T_refresh_tokens').first();
      const past = new Date(Date.now() - 1000);
      const payload = JSON.stringify({ ...JSON.parse(row.payload), exp: Math.floor(past.getTime() / 1000) });
      await knex('T_refresh_tokens').update({ expires_at: past, payload });
      assert.equal((await refresh(server, client, token)).body.error, 'invalid_grant');
    });
  });
}
