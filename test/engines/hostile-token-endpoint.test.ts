import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type EngineName, engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';
import { startServer } from '../support/server.ts';
import { addGoogle, connectGoogle } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';

async function open(t: TestContext, engine: EngineName) {
  const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
  const google = await startGoogle(t);
  await addGoogle(server.services, google);
  const account = await server.createAccount('ada');
  const { connections } = server.services;
  const id = await connectGoogle(connections, google, account, { life: -1000 });
  const { knex } = server.database;
  /** Answers the next refresh with that, and makes it due. */
  const answer = async (status: number, body: Record<string, unknown>) => {
    google.knobs.tokenFault = { status, body };
    const due = { expires_at: new Date(Date.now() - 1000), refresh_due_at: new Date(Date.now() - 1) };
    await knex('T_oauth_tokens').update({ ...due, failed_refreshes: 0 });
  };
  return { server, google, knex, id, answer, ...connections };
}

const TOKENS = { access_token: 'new-access', refresh_token: 'new-refresh', token_type: 'Bearer' };

for (const engine of engines)
  describe(`a token endpoint that answers what nobody expects, on ${engine}`, () => {
    test('gets its tokens stored, whatever life and scope it names', async (t) => {
      const { answer, refresh, id } = await open(t, engine);
      for (const odd of [{ expires_in: 1e300 }, { expires_in: 1e13 }, { scope: 'a\u0000b \u2603 read' }]) {
        await answer(200, { ...TOKENS, expires_in: 3600, ...odd });
        const { accessToken, refreshToken, expiresAt, scope } = await refresh.getFresh(id);
        assert.deepEqual([accessToken, refreshToken], ['new-access', 'new-refresh'], JSON.stringify(odd));
        assert.ok(Number(expiresAt) > Date.now() && Number(expiresAt) < Date.now() + 4e11);
        if ('scope' in odd) assert.equal(scope, 'read');
      }
    });

    test('is asked once for tokens that end at once, by requests and by the job', async (t) => {
      const { google, answer, refresh, id } = await open(t, engine);
      await answer(200, { ...TOKENS, expires_in: 0 });
      const before = google.requests.length;
      assert.equal((await refresh.getFresh(id)).accessToken, 'new-access');
      assert.equal(google.requests.length - before, 1);
      assert.equal(await refresh.refreshDue(), 0);
    });

    test('stores none of its sentences: they may repeat what was sent', async (t) => {
      const { server, answer, refresh, vault, knex, google, id } = await open(t, engine);
      const { refreshToken = '' } = (await vault.open(id)) ?? {};
      const sent = `${new URLSearchParams({ refresh_token: refreshToken, client_secret: google.clientSecret })}`;
      for (const error of ['invalid_request', 'invalid_grant', `a\u0000b ${sent}`, sent]) {
        await answer(400, { error, error_description: `\u0000 ${sent}`, error_subtype: sent });
        await assert.rejects(refresh.getFresh(id), { name: 'LatchkeyError' });
        const row = await knex('T_oauth_tokens').where({ active_slot: id }).first();
        assert.equal(row.lease_owner, null);
      }
      const secrets = new Map([
        ['refresh token', refreshToken],
        ['client secret', google.clientSecret],
      ]);
      assert.deepEqual(found(JSON.stringify(await dump(server.database)), secrets), []);
    });
  });

test('a service whose secret does not open does not stop the refreshes of others', async (t) => {
  const { answer, refresh, knex, server, google } = await open(t, 'sqlite');
  await server.services.connections.services.add(
    { accountId: null },
    {
      name: 'other',
      preset: 'google',
      baseUrl: google.url,
      change: { clientId: google.clientId, clientSecret: google.clientSecret },
    },
  );
  const ada = await knex('T_accounts').first('id');
  const tokens = { accessToken: 'x', refreshToken: 'y', tokenType: 'Bearer', expiresAt: new Date() };
  await server.services.connections.vault.save({
    accountId: ada.id,
    service: 'other',
    identity: { id: 'x' },
    accessLevel: 'read',
    tokens,
  });
  await knex('T_service_configs').where({ service_name: 'other' }).update({ client_secret_sealed: 'broken' });
  await answer(200, { ...TOKENS, expires_in: 3600 });
  assert.equal(await refresh.refreshDue(), 2);
});
