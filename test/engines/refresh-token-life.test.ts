import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { toDate } from '../../src/database/instants.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' };
const lifetimes = (refreshTokenMax: number) => ({
  ttl: { accessToken: 3600, refreshToken: 3600, refreshTokenMax, session: 3600, sessionMax: 7_776_000 },
});

async function signIn(server: TestServer, client: ClientDocument) {
  const person = await server.createAccount();
  const { tokens, browser } = await signInWith(server, client, person, OFFLINE);
  assert.equal(tokens.status, 200);
  const authTime = Number(claimsOf(tokens.body.id_token).auth_time);
  return { token: String(tokens.body.refresh_token), authTime, browser, person };
}

/** Seconds from the sign-in to the end of each refresh token, the oldest first. */
async function lives(server: TestServer, authTime: number): Promise<number[]> {
  const rows = await server.database.knex('T_refresh_tokens').orderBy('id').select('expires_at');
  return rows.map((row) => Math.round(toDate(row.expires_at).getTime() / 1000) - authTime);
}

/** Moves the sign-in of every refresh token and session into the past. */
async function age(server: TestServer, seconds: number): Promise<void> {
  const { knex } = server.database;
  for (const [table, member] of [
    ['T_refresh_tokens', 'authTime'],
    ['T_user_sessions', 'loginTs'],
  ] as const)
    for (const row of await knex(table).select('id', 'payload')) {
      const payload = JSON.parse(row.payload);
      payload[member] -= seconds;
      await knex(table)
        .where({ id: row.id })
        .update({ payload: JSON.stringify(payload) });
    }
}

for (const engine of engines) {
  describe(`the maximum life of refresh tokens on ${engine}`, () => {
    test('is counted from the sign-in, and rotation does not extend it', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(600) });
      const client = await server.createClient();
      const { token, authTime } = await signIn(server, client);
      const second = await refresh(server, client, token);
      await sleep(1100);
      const third = await refresh(server, client, second.body.refresh_token);
      assert.equal(third.status, 200);
      assert.deepEqual(await lives(server, authTime), [600, 600, 600]);
    });

    test('ends the family: a token that is used all the time stops at the maximum', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(3) });
      const client = await server.createClient();
      let { token } = await signIn(server, client);
      const started = Date.now();
      let answer = await refresh(server, client, token);
      while (answer.status === 200 && Date.now() - started < 15_000) {
        token = String(answer.body.refresh_token);
        await sleep(300);
        answer = await refresh(server, client, token);
      }
      assert.equal(answer.body.error, 'invalid_grant');
    });

    test('can be set for one application, shorter or longer, and changed for tokens that were issued before', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(600) });
      const client = await server.createClient({ refreshTokenMaxTtl: 1200 });
      const { token, authTime } = await signIn(server, client);
      assert.deepEqual(await lives(server, authTime), [1200]);
      await server.clients.update(OPERATOR, client.client_id, { refreshTokenMaxTtl: 60 });
      await sleep(1000);
      const second = await refresh(server, client, token);
      assert.equal((await lives(server, authTime))[1], 60);
      await server.clients.update(OPERATOR, client.client_id, { refreshTokenMaxTtl: null });
      await sleep(1000);
      const third = await refresh(server, client, second.body.refresh_token);
      assert.equal((await lives(server, authTime))[2], 600);
      await server.clients.update(OPERATOR, client.client_id, { refreshTokenMaxTtl: 1 });
      await sleep(1000);
      assert.equal((await refresh(server, client, third.body.refresh_token)).body.error, 'invalid_grant');
      await server.clients.update(OPERATOR, client.client_id, { refreshTokenMaxTtl: 600 });
      await sleep(1000);
      const fourth = await refresh(server, client, third.body.refresh_token);
      assert.equal(fourth.status, 200, 'the refused request did not use the token up');
    });

    test('holds for tokens that were issued before there was a maximum', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(600) });
      const client = await server.createClient();
      const { token } = await signIn(server, client);
      await age(server, 601);
      assert.equal((await refresh(server, client, token)).body.error, 'invalid_grant');
    });

    test('makes people sign in again when their sign-in is older, so that the next token lives', async (t) => {
      const server = await startServer(t, engine, { config: lifetimes(600) });
      const client = await server.createClient({ firstParty: true });
      const plain = await server.createClient({ grantTypes: ['authorization_code'] });
      const { browser, person } = await signIn(server, client);
      await signInWith(server, plain, person, { scope: 'openid', prompt: 'login' }, browser);
      await age(server, 601);
      const silent = { ...OFFLINE, prompt: 'none' };
      const asked = await browser.get(authorizeUrl(authorization(client, silent)));
      assert.equal(answerOf(asked).get('error'), 'login_required');
      const other = authorization(plain, { scope: 'openid', prompt: 'none' });
      const answer = answerOf(await browser.get(authorizeUrl(other)));
      assert.equal((await redeem(server, plain, other, answer.get('code'))).status, 200, 'needs no sign-in');
      const { tokens } = await signInWith(server, client, person, OFFLINE, browser);
      assert.ok(tokens.body.refresh_token);
      const fresh = Number(claimsOf(tokens.body.id_token).auth_time);
      assert.equal((await lives(server, fresh)).at(-1), 600);
    });
  });
}
