import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { openProxy } from '../support/database-proxy.ts';
import { engines } from '../support/engines.ts';
import { openWorld, rounds, type ServerProcess } from '../support/world.ts';

const CLIENTS = 8;
/** A busy machine needs seconds to start a killed server again. */
const OVERLAP = { LATCHKEY_REFRESH_OVERLAP: '120' };

interface Counts {
  refreshed: number;
  repeated: number;
}

/**
 * Refreshes again and again. Without an answer, or after a 503 of either kind, it sends the token that it has once more,
 * which the overlap allows.
 */
async function refreshUntil(
  signal: AbortSignal,
  server: ServerProcess,
  client: ClientDocument,
  first: string,
  counts: Counts,
): Promise<string> {
  let token = first;
  while (!signal.aborted) {
    const answer = await refresh(server, client, token).catch(() => undefined);
    if (answer?.status === 200) {
      token = String(answer.body.refresh_token);
      counts.refreshed += 1;
      continue;
    }
    if (answer) assert.equal(answer.status, 503, JSON.stringify(answer.body));
    counts.repeated += 1;
    await sleep(20);
  }
  return token;
}

async function signInOften(server: ServerProcess, client: ClientDocument, person: Person): Promise<string[]> {
  const { browser } = await signInWith(server, client, person);
  return Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const request = authorization(client, { scope: 'openid offline_access', prompt: 'none' });
      const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
      return String((await redeem(server, client, request, code)).body.refresh_token);
    }),
  );
}
type Person = Parameters<typeof signInWith>[2];

for (const engine of engines) {
  describe(`clients that repeat a refresh without an answer, on ${engine}`, () => {
    test('keep their families when the server is killed', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start(OVERLAP);
      const client = await world.createClient({ firstParty: true });
      const tokens = await signInOften(server, client, await world.createAccount());
      const counts = { refreshed: 0, repeated: 0 };
      const end = new AbortController();
      const clients = tokens.map((token) => refreshUntil(end.signal, server, client, token, counts));
      const ended = Promise.all(clients);
      // Awaited below: until then a client that fails must not end the process.
      ended.catch(() => {});
      for (let round = 0; round < rounds(2); round += 1) {
        await sleep(200 + Math.random() * 300);
        await server.kill('SIGKILL');
        await server.restart();
      }
      await sleep(300);
      end.abort();
      for (const token of await ended) assert.equal((await refresh(server, client, token)).status, 200);
      assert.deepEqual(await world.database.knex('T_revoked_tokens'), []);
      assert.ok(counts.refreshed > 0 && counts.repeated > 0, JSON.stringify(counts));
      t.diagnostic(`${engine}: ${JSON.stringify(counts)}, no family ended`);
    });

    test('keep their families when the database is lost', { skip: engine === 'sqlite' }, async (t) => {
      const world = await openWorld(t, engine);
      const proxy = await openProxy(t, world.storage.url);
      const server = await world.start({ ...OVERLAP, LATCHKEY_DATABASE_URL: proxy.url });
      const client = await world.createClient({ firstParty: true });
      const tokens = await signInOften(server, client, await world.createAccount());
      const counts = { refreshed: 0, repeated: 0 };
      const end = new AbortController();
      const ended = Promise.all(
        tokens.map((token) => refreshUntil(end.signal, server, client, token, counts)),
      );
      ended.catch(() => {});
      for (let round = 0; round < rounds(4); round += 1) {
        await sleep(100 + Math.random() * 200);
        const lost = round % 4 === 0 ? 'answer' : 'request';
        if (round % 2 === 0) await Promise.race([proxy.loseCommit(lost), sleep(3000)]);
        await proxy.refuse();
        await sleep(Math.random() * 500);
        await proxy.listen();
      }
      await sleep(1000);
      end.abort();
      for (const token of await ended) assert.equal((await refresh(server, client, token)).status, 200);
      assert.deepEqual(await world.database.knex('T_revoked_tokens'), []);
      assert.ok(counts.refreshed > 0, JSON.stringify(counts));
      t.diagnostic(`${engine}: ${JSON.stringify(counts)}, no family ended`);
    });
  });
}
