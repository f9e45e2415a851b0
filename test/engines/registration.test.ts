import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import { purge } from '../../src/maintenance/purge.ts';
import { DESCRIPTION, manage, register } from '../support/builders/registration.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const DAY = 86_400_000;
const registration = (mode: 'closed' | 'token' | 'open') => ({ mode, ttl: 86_400 * 90, documents: true });

for (const engine of engines) {
  describe(`registering an application on ${engine}`, () => {
    test('needs a token unless it is open, and is refused where it is closed', async (t) => {
      const server = await startServer(t, engine, { config: { registration: registration('token') } });
      const { registrationTokens } = server.services;
      const { token, id } = await registrationTokens.create(OPERATOR, { maxUses: 2 });
      for (const wrong of [undefined, 'none', `${token}x`, 'a b']) {
        const { status, body, headers } = await register(server, DESCRIPTION, wrong);
        assert.deepEqual([status, body.error], [401, 'invalid_token'], String(wrong));
        assert.match(String(headers.get('www-authenticate')), /^Bearer /);
      }
      // A registration that is refused costs no use.
      assert.equal((await register(server, { redirect_uris: ['x'] }, token)).status, 400);
      const { status, body } = await register(server, DESCRIPTION, token);
      assert.equal(status, 201);
      const shown = await server.clients.show(body.client_id);
      assert.deepEqual([shown.registered_via, shown.registration_token_id], ['registration_token', id]);
      await registrationTokens.revoke(OPERATOR, id);
      assert.equal((await register(server, DESCRIPTION, token)).status, 401);
      const expired = await registrationTokens.create(OPERATOR, {});
      await server.database
        .knex('T_registration_tokens')
        .where({ id: expired.id })
        .update({ expires_at: new Date(Date.now() - 1000) });
      assert.equal((await register(server, DESCRIPTION, expired.token)).status, 401);

      const { storage } = server;
      const closed = await startServer(t, engine, {
        storage,
        config: { registration: registration('closed') },
      });
      const other = await registrationTokens.create(OPERATOR, {});
      assert.equal((await register(closed, DESCRIPTION)).status, 401);
      assert.equal((await register(closed, DESCRIPTION, other.token)).status, 401);
      const metadata = await (await fetch(`${closed.issuer}/.well-known/openid-configuration`)).text();
      assert.ok(!metadata.includes('registration_endpoint'));
    });

    test('uses a token up once, of 20 requests at once to two servers', async (t) => {
      const server = await startServer(t, engine, { config: { registration: registration('token') } });
      const { storage, issuer } = server;
      const second = await startServer(t, engine, {
        storage,
        config: { issuer, registration: registration('token') },
      });
      const places = [issuer, `http://127.0.0.1:${second.config.port}`];
      const { token } = await server.services.registrationTokens.create(OPERATOR, { maxUses: 3 });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          register({ issuer: String(places[at % 2]) }, DESCRIPTION, token),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      assert.deepEqual([...new Set(statuses)].toSorted(), [201, 401]);
      assert.equal(statuses.filter((status) => status === 201).length, 3);
      const [{ uses }] = await server.database
        .knex('T_registration_tokens')
        .where({ kind: 'InitialAccessToken' });
      assert.equal(Number(uses), 3);
      const clients = await server.database.knex('T_oauth_clients');
      assert.equal(clients.length, 3);
    });

    test('is stored, changed and deleted with the request, and forgotten when nobody uses it', async (t) => {
      const server = await startServer(t, engine);
      const { body: kept } = await register(server, {
        ...DESCRIPTION,
        token_endpoint_auth_method: undefined,
      });
      const { body: unused } = await register(server);
      const uri = kept.registration_client_uri;
      const { status } = await manage('PUT', uri, kept.registration_access_token, {
        ...DESCRIPTION,
        client_id: kept.client_id,
        client_name: 'Harbour',
      });
      assert.equal(status, 200);
      assert.equal((await server.clients.show(kept.client_id)).client_name, 'Harbour');
      // A use moves the end of the registration.
      server.services.clientUsage.recordUse(kept.client_id);
      await server.writeClientUsage();
      const moved = new Date(String((await server.clients.show(kept.client_id)).expires_at)).getTime();
      assert.ok(moved > Date.now() + 89 * DAY);
      const { knex } = server.database;
      await knex('T_oauth_clients')
        .where({ client_id: unused.client_id })
        .update({ expires_at: new Date(Date.now() - 31 * DAY) });
      await knex('T_registration_tokens').update({ created_at: new Date(Date.now() - 2 * DAY) });
      await purge(server.database, { retention: {} });
      assert.deepEqual(await knex('T_oauth_clients').pluck('client_id'), [kept.client_id]);
      assert.deepEqual(await knex('T_registration_tokens').pluck('client_id'), [kept.client_id]);
      assert.equal((await manage('DELETE', uri, kept.registration_access_token)).status, 204);
      assert.equal((await knex('T_oauth_clients')).length, 0);
      assert.equal((await knex('T_oauth_client_secrets')).length, 0);
    });

    test('is refused at the limit of its address, and when too many are unused', async (t) => {
      const server = await startServer(t, engine);
      let status = 201;
      let registered = 0;
      for (; status === 201 && registered <= 100; registered += 1) ({ status } = await register(server));
      assert.deepEqual([status, registered - 1], [429, 100]);
      const { status: late, headers } = await register(server);
      assert.equal(late, 429);
      assert.ok(Number(headers.get('retry-after')) > 0);
      const [row, ...more] = await server.database.knex('T_oauth_clients');
      assert.equal(more.length, 99);
      // Every other address is refused, too, while 1000 are unused.
      const rows = Array.from({ length: 900 }, () => {
        const id = uuidv7();
        return { ...row, id, client_id: id };
      });
      await server.database.knex.batchInsert('T_oauth_clients', rows, 50);
      await server.database.knex('T_rate_limits').delete();
      const { storage, issuer } = server;
      const second = await startServer(t, engine, { storage, config: { issuer } });
      const other = { issuer: `http://127.0.0.1:${second.config.port}` };
      assert.equal((await register(other)).status, 429);
      const { token } = await server.services.registrationTokens.create(OPERATOR, {});
      assert.equal((await register(other, DESCRIPTION, token)).status, 201);
    });
  });
}
