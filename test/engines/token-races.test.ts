import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { MAX_USES } from '../../src/oidc/storage/refresh-overlap.ts';
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

interface Race {
  /** The answers of those that succeeded. */
  won: TokenAnswer[];
  /** Whether one was refused, which revokes the family. A busy database may answer all but the winners with 503. */
  isRefused: boolean;
}

/** Runs 50 attempts at once, every second one at the other server. @param most how many may succeed */
async function race(most: number, attempt: (index: number) => Promise<TokenAnswer>): Promise<Race> {
  const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, index) => attempt(index)));
  const results = JSON.stringify(answers.map(({ status, body }) => body.error ?? status));
  const won = answers.filter(({ status }) => status === 200);
  assert.ok(won.length <= most, results);
  assert.equal(answers.filter(lost).length, PARALLEL - won.length, results);
  assert.ok(won.length === most || answers.some(({ status }) => status === 503), results);
  return { won, isRefused: answers.some(({ body }) => body.error === 'invalid_grant') };
}

for (const engine of engines) {
  describe(`races between two servers on ${engine}`, () => {
    test('of 50 at once one redeems a code, a few refresh within the overlap and one without it, and the others revoke the family', async (t) => {
      const world = await openWorld(t, engine);
      const first = await world.start();
      const second = await world.start();
      const client = await world.createClient({ firstParty: true });
      const strict = await world.createClient({ firstParty: true, refreshOverlap: 0 });
      const person = await world.createAccount();
      const { browser } = await signInWith(first, client, person);
      const at = (index: number) => (index % 2 === 0 ? first : second);
      async function authorize(by: ClientDocument) {
        const request = authorization(by, { scope: SCOPE, prompt: 'none' });
        return { request, code: answerOf(await browser.get(authorizeUrl(request))).get('code') };
      }
      /** Asks again while the database is busy: a 503 says so, and that nothing was done. */
      async function whenAnswered<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
        for (let more = 0; more < 20; more += 1) {
          const answer = await ask();
          if (answer.status !== 503) return answer;
          await sleep(250);
        }
        return ask();
      }
      async function assertRevoked({ won, isRefused }: Race, by: ClientDocument) {
        if (!isRefused) return;
        for (const [index, { body }] of won.entries()) {
          const token = body.access_token;
          const info = await whenAnswered(() => call(at(index), by, '/token/introspection', { token }));
          assert.equal(info.body.active, false);
          const refreshed = await whenAnswered(() => refresh(at(index + 1), by, body.refresh_token));
          assert.equal(refreshed.body.error, 'invalid_grant');
        }
      }
      /** A new sign-in whose refresh token is used 50 times at once. */
      async function raceToRefresh(by: ClientDocument, most: number) {
        const { request, code } = await authorize(by);
        const tokens = await redeem(first, by, request, code);
        assert.equal(tokens.status, 200);
        const result = await race(most, (index) => refresh(at(index), by, tokens.body.refresh_token));
        await assertRevoked(result, by);
        return result;
      }

      const withWinner = { code: 0, overlap: 0, strict: 0 };
      for (let round = 0; round < rounds(3); round += 1) {
        // Another sign-in of the same session and application, which shares the grant and must survive.
        const bystander = await authorize(client);
        const other = await redeem(first, client, bystander.request, bystander.code);
        const issued = await authorize(client);
        const redeemed = await race(1, (index) => redeem(at(index), client, issued.request, issued.code));
        await assertRevoked(redeemed, client);
        withWinner.code += redeemed.won.length;
        withWinner.overlap += Math.min(1, (await raceToRefresh(client, MAX_USES)).won.length);
        withWinner.strict += (await raceToRefresh(strict, 1)).won.length;
        const token = other.body.access_token;
        const info = await whenAnswered(() => call(second, client, '/token/introspection', { token }));
        assert.equal(info.body.active, true);
        const refreshed = await whenAnswered(() => refresh(second, client, other.body.refresh_token));
        assert.equal(refreshed.status, 200);
      }
      assert.ok(
        Object.values(withWinner).every((count) => count > 0),
        JSON.stringify(withWinner),
      );
      t.diagnostic(
        `${engine}: of ${rounds(3)} races each, 50 at once, ${JSON.stringify(withWinner)} had a winner`,
      );
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

      for (let round = 0; round < rounds(8); round += 1) {
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
      t.diagnostic(`${engine}: ${rounds(8)} pairs, none lost`);
    });
  });
}
