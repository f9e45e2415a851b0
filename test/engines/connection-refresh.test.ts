import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRefreshing } from '../support/builders/refreshing.ts';
import { engines } from '../support/engines.ts';
import { connectGoogle } from '../support/upstream/connected.ts';

const EXPIRED = { life: -1000 };

for (const engine of engines)
  describe(`refreshing a connection on ${engine}`, () => {
    test('asks the service once for fifty simultaneous uses at two servers', async (t) => {
      const { google, account, first, second, knex } = await openRefreshing(t, engine);
      google.knobs.rotates = true;
      google.knobs.delay = 150;
      const id = await connectGoogle(first, google, account, EXPIRED);
      const uses = Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? first : second).refresh.getFresh(id),
      );
      const credentials = await Promise.all(uses);
      assert.equal(google.counts.refreshes, 1);
      assert.deepEqual([...new Set(credentials.map(({ version }) => version))], [2]);
      for (const { accessToken, refreshToken } of credentials) {
        assert.ok(google.isLive(accessToken));
        assert.ok(google.isRefreshable(String(refreshToken)));
      }
      const log = await knex('T_token_refresh_log');
      assert.equal(log.length, 1);
      assert.deepEqual(
        [Boolean(log[0].success), Boolean(log[0].refresh_used), log[0].error_code],
        [true, true, null],
      );
      assert.notEqual(log[0].old_token_hash, log[0].new_token_hash);
    });

    test('renews a token that the service has refused, once, and one that ends within a minute', async (t) => {
      const { google, account, first, second } = await openRefreshing(t, engine);
      const id = await connectGoogle(first, google, account);
      const refused = await first.refresh.getFresh(id);
      assert.equal(google.counts.refreshes, 0, 'it is still good for an hour');
      const both = await Promise.all(
        [first, second, first].map(({ refresh }) => refresh.getFresh(id, { notVersion: refused.version })),
      );
      assert.deepEqual(
        both.map(({ version }) => version),
        [2, 2, 2],
      );
      assert.equal(google.counts.refreshes, 1);
      assert.equal(both[0]?.refreshToken, refused.refreshToken, 'the service keeps the refresh token');
      google.knobs.expiresIn = 30;
      await first.refresh.getFresh(id, { notVersion: 2 });
      google.knobs.expiresIn = 3600;
      assert.equal((await second.refresh.getFresh(id)).version, 4);
    });

    test('by a job takes each connection once, at two servers', async (t) => {
      const { google, account, first, second, knex } = await openRefreshing(t, engine);
      for (let one = 0; one < 6; one += 1)
        await connectGoogle(first, google, account, {
          externalId: `g-${one}`,
          life: 60_000,
        });
      assert.equal(await first.refresh.refreshDue(), 0, 'nothing is due');
      await knex('T_oauth_tokens').update({ refresh_due_at: new Date(Date.now() - 1000) });
      await Promise.all([first.refresh.refreshDue(), second.refresh.refreshDue()]);
      assert.equal(google.counts.refreshes, 6);
      const rows = await knex('T_oauth_tokens').whereNotNull('active_slot');
      assert.ok(rows.every(({ version }) => Number(version) === 2));
    });
  });
