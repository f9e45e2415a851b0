import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toDate } from '../../src/database/instants.ts';
import { createClientUsage } from '../../src/oidc/clients/usage.ts';
import { authorization, call, redeem, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const HOUR = 3_600_000;

for (const engine of engines) {
  describe(`when an application was last used, on ${engine}`, () => {
    test('is written once an hour by a job, for applications that received a code or token', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const used = await server.createClient();
      const service = await server.createClient({ grantTypes: ['client_credentials'], redirectUris: [] });
      const refused = await server.createClient();
      const last = async (client: { client_id: string }) => {
        const row = await knex('T_oauth_clients').where({ client_id: client.client_id }).first();
        return row.last_used_at === null ? null : toDate(row.last_used_at).getTime();
      };
      await signInWith(server, used, await server.createAccount());
      await call(server, service, '/token', { grant_type: 'client_credentials' });
      await redeem(server, refused, authorization(refused), 'x');
      assert.equal(await last(used), null, 'a request does not write it');

      const before = Date.now();
      assert.equal(await server.writeClientUsage(), 2);
      for (const client of [used, service]) {
        const at = (await last(client)) ?? 0;
        assert.ok(at >= before && at <= Date.now(), String(at));
      }
      assert.equal(await last(refused), null);
      assert.equal(await server.writeClientUsage(), 0, 'nothing was used since');

      // Another server used it within the same hour, and a third one later.
      const usage = createClientUsage(knex, 86_400);
      const noted = (await last(used)) ?? 0;
      usage.recordUse(used.client_id);
      assert.equal(await usage.write(new Date(noted + HOUR - 1000)), 0);
      assert.equal(await last(used), noted);
      usage.recordUse(used.client_id);
      assert.equal(await usage.write(new Date(noted + HOUR + 1000)), 1);
      assert.equal(await last(used), noted + HOUR + 1000);
    });
  });
}

test('a use that could not be written is written the next time', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { knex } = server.database;
  const client = await server.createClient();
  const usage = createClientUsage(knex, 86_400);
  usage.recordUse(client.client_id);
  await knex.schema.renameTable('T_oauth_clients', 'T_elsewhere');
  await assert.rejects(usage.write());
  await knex.schema.renameTable('T_elsewhere', 'T_oauth_clients');
  assert.equal(await usage.write(), 1);
});
