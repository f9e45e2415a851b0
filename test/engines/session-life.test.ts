import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { toDate } from '../../src/database/instants.ts';
import { answerOf, authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const lifetimes = (sessionMax: number) => ({
  ttl: { accessToken: 3600, refreshToken: 3600, refreshTokenMax: 3600, session: 3600, sessionMax },
});

async function signIn(server: TestServer) {
  const client = await server.createClient({ firstParty: true });
  const person = await server.createAccount();
  const { browser, tokens } = await signInWith(server, client, person);
  const authTime = Number(claimsOf(tokens.body.id_token).auth_time);
  /** Uses the session. @returns the error of a sign-in without a page, or null */
  async function use(): Promise<string | null> {
    const silent = authorization(client, { prompt: 'none' });
    return answerOf(await browser.get(authorizeUrl(silent))).get('error');
  }
  return { authTime, use };
}

for (const engine of engines) {
  describe(`the maximum life of sessions on ${engine}`, () => {
    test('is counted from the sign-in, and use does not extend it', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(600) });
      const { authTime, use } = await signIn(server);
      await sleep(1100);
      assert.equal(await use(), null);
      const [row] = await server.database.knex('T_user_sessions');
      assert.equal(Math.round(toDate(row.expires_at).getTime() / 1000) - authTime, 600);
    });

    test('ends a session that is used all the time', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(3) });
      const { use } = await signIn(server);
      const began = Date.now();
      let error = await use();
      while (error === null && Date.now() - began < 15_000) {
        await sleep(300);
        error = await use();
      }
      assert.equal(error, 'login_required');
    });
  });
}
