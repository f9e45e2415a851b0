import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  lost,
  redeem,
  refresh,
  signInWith,
  type TokenAnswer,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld, rounds } from '../support/world.ts';

const PARALLEL = 50;
const SCOPE = 'openid offline_access';

/**
 * Runs 50 attempts at once, every second one at the other server.
 * @returns the answer of the one that succeeded; undefined if a busy database answered even that one with 503
 */
async function race(attempt: (index: number) => Promise<TokenAnswer>): Promise<TokenAnswer | undefined> {
  const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, index) => attempt(index)));
  const results = JSON.stringify(answers.map(({ status, body }) => body.error ?? status));
  const won = answers.filter(({ status }) => status === 200);
  assert.ok(won.length <= 1, results);
  assert.equal(answers.filter(lost).length, PARALLEL - won.length, results);
  assert.ok(won.length === 1 || answers.some(({ status }) => status === 503), results);
  return won[0];
}

for (const engine of engines) {
  describe(`races between two servers on ${engine}`, () => {
    test('one of 50 at once redeems a code or a refresh token, and the others revoke its tokens', async (t) => {
      const world = await openWorld(t, engine);
      const first = await world.start();
      const second = await world.start();
      const client = await world.createClient({ firstParty: true });
      const person = await world.createAccount();
      const { browser } = await signInWith(first, client, person);
      const at = (index: number) => (index % 2 === 0 ? first : second);
      const code = async () => {
        const request = authorization(client, { scope: SCOPE, prompt: 'none' });
        return { request, code: answerOf(await browser.get(authorizeUrl(request))).get('code') };
      };
      const assertRevoked = async ({ body }: TokenAnswer) => {
        for (const server of [first, second]) {
          const info = await call(server, client, '/token/introspection', { token: body.access_token });
          assert.equal(info.body.active, false);
          assert.equal((await refresh(server, client, body.refresh_token)).body.error, 'invalid_grant');
        }
      };

      const won = { code: 0, refresh: 0 };
      for (let round = 0; round < rounds(5); round += 1) {
        const issued = await code();
        const redeemed = await race((index) => redeem(at(index), client, issued.request, issued.code));
        if (redeemed) await assertRevoked(redeemed);
        const next = await code();
        const tokens = await redeem(first, client, next.request, next.code);
        assert.equal(tokens.status, 200);
        const refreshed = await race((index) => refresh(at(index), client, tokens.body.refresh_token));
        if (refreshed) await assertRevoked(refreshed);
        won.code += redeemed ? 1 : 0;
        won.refresh += refreshed ? 1 : 0;
      }
      assert.ok(won.code > 0 && won.refresh > 0, JSON.stringify(won));
      t.diagnostic(`${engine}: of ${rounds(5)} races each, 50 at once, ${JSON.stringify(won)} had a winner`);
    });

    test('two applications that use one session at once both redeem their codes', async (t) => {
      const world = await openWorld(t, engine);
      const servers = [await world.start(), await world.start()] as const;
      const clients = [
        await world.createClient({ firstParty: true }),
        await world.createClient({ firstParty: true, name: 'Tide' }),
      ] as const;
      const person = await world.createAccount();
      const { browser } = await signInWith(servers[0], clients[0], person);

      for (let round = 0; round < rounds(20); round += 1) {
        // Each pair is new to the session, or the second write would change nothing.
        await world.database.knex('T_user_sessions').update({ authorizations: '{}' });
        const statuses = await Promise.all(
          clients.map(async (client, index) => {
            const server = servers[index % 2] ?? servers[0];
            const own = Object.assign(new Browser(server.issuer), { cookies: new Map(browser.cookies) });
            const request = authorization(client, { prompt: 'none' });
            const { searchParams } = new URL(
              (await own.get(authorizeUrl(request))).headers.get('location') ?? '',
            );
            return { server, client, request, code: searchParams.get('code') };
          }),
        );
        for (const { server, client, request, code } of statuses) {
          const answer = await redeem(server, client, request, code);
          assert.equal(answer.status, 200, `round ${round}: ${JSON.stringify(answer.body)}`);
        }
      }
      t.diagnostic(`${engine}: ${rounds(20)} pairs, none lost`);
    });
  });
}
