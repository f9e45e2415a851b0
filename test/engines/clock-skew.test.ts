import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toDate } from '../../src/database/instants.ts';
import { MAX_USES } from '../../src/oidc/storage/refresh-overlap.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  call,
  lost,
  redeem,
  refresh,
  walk,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld, rounds } from '../support/world.ts';

const SKEW_MS = 2000;
const PARALLEL = 50;
const preload = new URL('../support/skewed-clock.js', import.meta.url).href;

const clock = (ms: number) => ({ NODE_OPTIONS: `--import=${preload}`, TEST_CLOCK_SKEW_MS: String(ms) });

for (const engine of engines) {
  describe(`two servers whose clocks are ${(2 * SKEW_MS) / 1000} s apart on ${engine}`, () => {
    test('of 50 refreshes with one token at once, a bounded number succeeds, all of one family, which is revoked afterwards', async (t) => {
      const world = await openWorld(t, engine);
      const ahead = await world.start(clock(SKEW_MS));
      const behind = await world.start(clock(-SKEW_MS));
      const client = await world.createClient({ firstParty: true });
      const person = await world.createAccount();
      const { knex } = world.database;

      for (let round = 0; round < rounds(2); round += 1) {
        const first = round % 2 === 0 ? ahead : behind;
        // The person signs in at the issuer's address. The code is redeemed at either server.
        const request = authorization(client, { scope: 'openid offline_access' });
        const code = answerOf(await walk(new Browser(ahead.issuer), request, person)).get('code');
        const tokens = await redeem(first, client, request, code);
        const [row] = await knex('T_refresh_tokens').orderBy('created_at', 'desc').limit(1);
        const offset = toDate(row.created_at).getTime() - Date.now();
        assert.ok(Math.abs(offset) > SKEW_MS / 2, `the clock is another one: ${offset} ms`);
        const at = (index: number) => (index % 2 === 0 ? ahead : behind);
        const answers = await Promise.all(
          Array.from({ length: PARALLEL }, (_, index) =>
            refresh(at(index), client, tokens.body.refresh_token),
          ),
        );
        const seen = JSON.stringify(answers.map(({ status, body }) => body.error ?? status));
        const won = answers.filter(({ status }) => status === 200);
        assert.ok(won.length <= MAX_USES, seen);
        assert.equal(answers.filter(lost).length, PARALLEL - won.length, seen);
        const families = await knex('T_refresh_tokens').distinct('family_id');
        assert.ok(families.length <= 1);
        const isRefused = answers.some(({ body }) => body.error === 'invalid_grant');
        for (const [index, { body }] of isRefused ? won.entries() : []) {
          const info = await call(at(index), client, '/token/introspection', { token: body.access_token });
          assert.equal(info.body.active, false);
          assert.equal((await refresh(at(index + 1), client, body.refresh_token)).status, 400);
        }
        await knex('T_refresh_tokens').delete();
        await knex('T_grants').delete();
        await knex('T_user_sessions').delete();
      }
    });
  });
}
