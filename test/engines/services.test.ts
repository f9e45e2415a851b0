import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createConnectionServices } from '../../src/connections/services/service.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const GOOGLE = { name: 'google', change: { clientId: 'abc', clientSecret: 'canary-one' } };

for (const engine of engines) {
  describe(`a service on ${engine}`, () => {
    test('is added once, read with its secret, and changed by two servers without a loss', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const [first, second] = [one, two].map((server) => server.services.connections.services);
      assert.ok(first && second);
      const adds = await Promise.allSettled([first.add(OPERATOR, GOOGLE), second.add(OPERATOR, GOOGLE)]);
      const refused = adds.filter((result) => result.status === 'rejected');
      assert.deepEqual(
        refused.map(({ reason }) => reason.code),
        ['service_exists'],
      );
      const found = await second.find('google');
      assert.deepEqual([found?.clientSecret, found?.isActive], ['canary-one', true]);
      await Promise.all([
        first.update(OPERATOR, 'google', { change: { settings: { clientAuth: 'client_secret_basic' } } }),
        second.update(OPERATOR, 'google', { change: { displayName: 'Google of the harbour' } }),
        first.update(OPERATOR, 'google', {
          change: { settings: { rateLimit: { requests: 5, seconds: 1 } } },
        }),
      ]);
      const { display_name, settings } = await first.show('google');
      assert.deepEqual(
        [display_name, settings.clientAuth, settings.rateLimit],
        ['Google of the harbour', 'client_secret_basic', { requests: 5, seconds: 1 }],
      );
    });

    test('does not open with the secret of another one, or with a changed one; the others still do', async (t) => {
      const server = await startServer(t, engine);
      const { services } = server.services.connections;
      const { knex } = server.database;
      for (const name of ['google', 'work', 'github'])
        await services.add(OPERATOR, {
          name,
          preset: name === 'github' ? 'github' : 'google',
          change: { clientId: name, clientSecret: `canary-${name}` },
        });
      const rows = await knex('T_service_configs').orderBy('service_name');
      const sealed = new Map(rows.map((row) => [row.service_name, row.client_secret_sealed as string]));
      const write = (service_name: string, client_secret_sealed: string | undefined) =>
        knex('T_service_configs').where({ service_name }).update({ client_secret_sealed });
      await write('google', sealed.get('work'));
      await write(
        'work',
        `${sealed.get('work')}`.replace(/(?<=\.).(?=[^.]*\.[^.]*$)/, (first) => (first === 'A' ? 'B' : 'A')),
      );
      for (const name of ['google', 'work'])
        await assert.rejects(services.find(name), { code: 'service_secret_damaged', status: 503 });
      assert.equal((await services.find('github'))?.clientSecret, 'canary-github');
      assert.equal((await services.listActive()).length, 3, 'pages that need no secret still list it');
      await services.update(OPERATOR, 'work', { change: { clientSecret: 'canary-new' } });
      assert.equal((await services.find('work'))?.clientSecret, 'canary-new');
    });

    test('is sealed with the newest key again, after which the older key can be removed', async (t) => {
      const before = await startServer(t, engine);
      await before.services.connections.services.add(OPERATOR, GOOGLE);
      const [old = ''] = before.config.secrets;
      const recent = 'a new secret of this server, which is long enough';
      // A whole server would miss the older key for its signing keys.
      const { knex, driver } = before.database;
      const services = (...ring: string[]) =>
        createConnectionServices({
          knex,
          driver,
          secrets: createSecrets(ring),
          issuer: before.issuer,
          allowPrivate: false,
          fetch,
        });
      const without = services(recent);
      assert.deepEqual(await without.reseal(), { resealed: 0, unchanged: 0, damaged: ['google'] });
      const withBoth = services(recent, old);
      assert.deepEqual(await withBoth.reseal(), { resealed: 1, unchanged: 0, damaged: [] });
      assert.deepEqual(await withBoth.reseal(), { resealed: 0, unchanged: 1, damaged: [] });
      assert.equal((await without.find('google'))?.clientSecret, 'canary-one');
    });
  });
}
