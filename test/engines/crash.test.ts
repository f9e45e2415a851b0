import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { hashTokenValue } from '../../src/oidc/storage/token-values.ts';
import { Browser } from '../support/browser.ts';
import {
  type Authorization,
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld, rounds, type ServerProcess, type World } from '../support/world.ts';

/** What clients received before the server died. Of a request without a response, the client knows the code alone. */
interface Received {
  accessTokens: string[];
  refreshTokens: Set<string>;
  codes: Map<string, Authorization>;
  underWay: Map<string, Authorization>;
  pages: { browser: Browser; url: string }[];
}

/** Repeats flows until the server was killed. A 503 of a busy machine says that nothing was done. */
async function load(
  server: ServerProcess,
  client: ClientDocument,
  cookies: Browser['cookies'],
  received: Received,
) {
  const browser = Object.assign(new Browser(server.issuer), { cookies: new Map(cookies) });
  try {
    for (let turn = 0; ; turn += 1) {
      const request = authorization(client, { prompt: 'none' });
      const sent = await browser.get(authorizeUrl(request));
      if (sent.status === 503) continue;
      const code = answerOf(sent).get('code') as string;
      received.codes.set(code, request);
      if (turn % 4 === 3) {
        const stranger = new Browser(server.issuer);
        const page = await stranger.get(authorizeUrl(authorization(client)));
        if (page.status !== 503)
          received.pages.push({ browser: stranger, url: page.headers.get('location') as string });
        continue;
      }
      received.codes.delete(code);
      received.underWay.set(code, request);
      const first = await redeem(server, client, request, code);
      if (first.status === 503) continue;
      assert.equal(first.status, 200);
      received.underWay.delete(code);
      received.accessTokens.push(first.body.access_token as string);
      if (turn % 2 === 0) {
        received.refreshTokens.add(first.body.refresh_token as string);
        continue;
      }
      const second = await refresh(server, client, first.body.refresh_token);
      if (second.status === 503) continue;
      assert.equal(second.status, 200);
      received.accessTokens.push(second.body.access_token as string);
      received.refreshTokens.add(second.body.refresh_token as string);
    }
  } catch (error) {
    // `fetch failed` is caused by the kill; anything else is an error.
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Rows that refer to a missing one, and used codes and tokens without a successor. */
async function orphans({ database: { knex } }: World): Promise<Record<string, number>> {
  const grants = new Set((await knex('T_grants').select('id')).map(({ id }) => id));
  const requests = new Set((await knex('T_authorization_requests').select('id')).map(({ id }) => id));
  const codes = await knex('T_authorization_codes');
  const access = await knex('T_access_tokens');
  const refreshTokens = await knex('T_refresh_tokens');
  const sessions = await knex('T_user_sessions');
  const uids = new Set(sessions.map(({ uid }) => uid));
  const redeemed = new Set(access.map((row) => row.authorization_code_id));
  const rotated = new Set(refreshTokens.map((row) => row.rotated_from));
  const count = (rows: { length: number }) => rows.length;
  const hanging = [...codes, ...access, ...refreshTokens];
  return {
    withoutGrant: count(hanging.filter((row) => !grants.has(row.grant_id))),
    withoutSession: count(
      hanging.map((row) => JSON.parse(row.payload).sessionUid).filter((uid) => uid && !uids.has(uid)),
    ),
    codesWithoutRequest: count(
      codes.filter((row) => row.authorization_request_id && !requests.has(row.authorization_request_id)),
    ),
    burntCodes: count(codes.filter((row) => row.consumed_at && !redeemed.has(row.id))),
    burntRefreshTokens: count(refreshTokens.filter((row) => row.consumed_at && !rotated.has(row.id))),
    sessionsWithoutGrant: count(
      sessions
        .flatMap((row) => Object.values(JSON.parse(row.authorizations)) as { grantId?: string }[])
        .filter(({ grantId }) => grantId && !grants.has(grantId)),
    ),
  };
}

const NONE = {
  withoutGrant: 0,
  withoutSession: 0,
  codesWithoutRequest: 0,
  burntCodes: 0,
  burntRefreshTokens: 0,
  sessionsWithoutGrant: 0,
};

for (const engine of engines) {
  describe(`a server that is killed on ${engine}`, () => {
    test('keeps every code and token that a client received, and leaves nothing half done', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start();
      const client = await world.createClient({ firstParty: true });
      const person = await world.createAccount();
      const { browser } = await signInWith(server, client, person);
      const sums = { kills: 0, tokens: 0, codes: 0, underWay: 0, pages: 0 };

      for (let round = 0; round < rounds(2); round += 1) {
        const received: Received = {
          accessTokens: [],
          refreshTokens: new Set(),
          codes: new Map(),
          underWay: new Map(),
          pages: [],
        };
        const workers = Array.from({ length: 12 }, () => load(server, client, browser.cookies, received));
        // Wait for a response of each kind, however slow the machine is; then kill at a random moment.
        for (let tens = 0; tens < 1000 && received.pages.length === 0; tens += 1) await sleep(10);
        await sleep(Math.random() * 300);
        await server.kill('SIGKILL');
        await Promise.all(workers);
        assert.deepEqual(await orphans(world), NONE);
        await server.restart();

        for (const token of received.accessTokens) {
          const info = await call(server, client, '/token/introspection', { token });
          assert.equal(info.body.active, true, 'an access token that was handed out works');
        }
        for (const token of received.refreshTokens)
          assert.equal((await refresh(server, client, token)).status, 200, 'a refresh token works');
        for (const [code, request] of received.codes)
          assert.equal((await redeem(server, client, request, code)).status, 200, 'a code works');
        for (const page of received.pages) assert.equal((await page.browser.get(page.url)).status, 200);
        for (const [code, request] of received.underWay) {
          const where = { code_hash: hashTokenValue(code) };
          const row = await world.database.knex('T_authorization_codes').where(where).first();
          // Either the request was completed, which `orphans` checked, or the client can repeat it.
          if (!row.consumed_at) assert.equal((await redeem(server, client, request, code)).status, 200);
        }
        sums.kills += 1;
        sums.tokens += received.accessTokens.length + received.refreshTokens.size;
        sums.codes += received.codes.size;
        sums.underWay += received.underWay.size;
        sums.pages += received.pages.length;
        if (round % 5 === 4) for (const table of ['codes', 'tokens']) await emptyTables(world, table);
      }
      assert.ok(sums.tokens > 0 && sums.underWay > 0 && sums.codes > 0 && sums.pages > 0, 'there was load');
      t.diagnostic(`${engine}: ${JSON.stringify(sums)}, all of it still valid`);
    });
  });
}

/** Empties the tables, so that many rounds by hand do not read more and more rows. */
async function emptyTables({ database: { knex } }: World, what: string): Promise<void> {
  const tables = { codes: ['T_authorization_codes'], tokens: ['T_access_tokens', 'T_refresh_tokens'] };
  for (const table of tables[what as keyof typeof tables]) await knex(table).delete();
}
