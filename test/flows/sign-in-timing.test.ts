import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/relying-party.ts';
import { startServer } from '../support/server.ts';

const ROUNDS = 30;
const NAMES = ['known', 'nobod', 'fixed'];

describe('a failed sign-in', () => {
  /**
   * Interleaved rounds, one of a known, one of an unknown and one of a locked account, each first in turn. The
   * statistic is the ratio of two medians: without the decoy hash it is about 50, here it must be within 0.75 to 1.33.
   */
  test('takes as long whether the account exists, is locked or not', async (t) => {
    const server = await startServer(t, 'sqlite', { config: { trustProxy: true } });
    const client = await server.createClient();
    await server.createAccount('known');
    await server.createAccount('fixed');
    const { knex } = server.database;
    await knex('T_credentials')
      .where({ username: 'fixed' })
      .update({ failed_login_attempts: 5, locked_until: new Date(Date.now() + 900_000) });
    const browser = new Browser(server.issuer);
    let form = await formOf(await browser.follow(await browser.get(authorizeUrl(authorization(client)))));
    const times: Record<string, number[]> = { known: [], nobod: [], fixed: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      await knex('T_credentials').where({ username: 'known' }).update({ failed_login_attempts: 0 });
      for (const [index, username] of [...NAMES.slice(round % 3), ...NAMES.slice(0, round % 3)].entries()) {
        // Each from an address of its own, which would be limited otherwise.
        const from = { 'x-forwarded-for': `10.0.${round}.${index}` };
        const started = performance.now();
        const response = await browser.post(
          form.action,
          { ...form.fields, username, password: 'wrong' },
          from,
        );
        times[username]?.push(performance.now() - started);
        assert.equal(response.status, 401);
        form = await formOf(response);
      }
    }
    const median = (list: number[] = []) => list.toSorted((a, b) => a - b)[ROUNDS / 2] ?? 0;
    for (const username of ['nobod', 'fixed']) {
      const ratio = median(times.known) / median(times[username]);
      assert.ok(
        ratio > 0.75 && ratio < 1.33,
        `the medians of known and ${username} differ by ${ratio.toFixed(3)}`,
      );
    }
  });
});
