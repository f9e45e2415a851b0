import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/relying-party.ts';
import { startServer } from '../support/server.ts';

const PAIRS = 30;

describe('a failed sign-in', () => {
  /**
   * Interleaved pairs, one of a known and one of an unknown account, in turns first. The statistic is the ratio of
   * the two medians: without the decoy hash it is about 50, here it must be within 0.75 to 1.33.
   */
  test('takes as long whether the account exists or not', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    await server.createAccount('known');
    const browser = new Browser(server.issuer);
    let form = await formOf(await browser.follow(await browser.get(authorizeUrl(authorization(client)))));
    const times: Record<string, number[]> = { known: [], nobod: [] };
    for (let pair = 0; pair < PAIRS; pair += 1) {
      for (const username of pair % 2 ? ['known', 'nobod'] : ['nobod', 'known']) {
        const started = performance.now();
        const response = await browser.post(form.action, { ...form.fields, username, password: 'wrong' });
        times[username]?.push(performance.now() - started);
        form = await formOf(response);
      }
    }
    const median = (list: number[] = []) => list.toSorted((a, b) => a - b)[PAIRS / 2] ?? 0;
    const ratio = median(times.known) / median(times.nobod);
    assert.ok(ratio > 0.75 && ratio < 1.33, `the medians differ by ${ratio.toFixed(3)}`);
  });
});
