import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digest } from '../../src/kit/ids.ts';
import { openRefreshing } from '../support/builders/refreshing.ts';
import { QUICK_LOADING } from '../support/child-environment.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { connectGoogle } from '../support/upstream/connected.ts';
import type { GoogleLike } from '../support/upstream/google.ts';
import { rounds } from '../support/world.ts';

const child = resolve(import.meta.dirname, '../support/refresh-process.js');
const EXPIRED = { life: -1000 };

/** When the process is killed. Each waits for a random time, except for the worst moment. */
const MOMENTS = [
  'the service has answered',
  'before the call',
  'in the call',
  'the service has decided',
] as const;
type Moment = (typeof MOMENTS)[number];

/** Refreshes a connection in a process of its own, and kills it at that moment. */
async function refreshAndKill(google: GoogleLike, url: string, id: string, moment: Moment): Promise<void> {
  const running = spawn(process.execPath, [...QUICK_LOADING, child, url, id], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(running, 'close');
  const kill = () => running.kill('SIGKILL');
  const killAfter = (ms: number) => setTimeout(kill, Math.random() * ms);
  const { knobs } = google;
  knobs.delay = 0;
  knobs.onRefresh = () => undefined;
  if (moment === 'before the call') running.stdout.once('data', () => killAfter(20));
  if (moment === 'in the call') {
    knobs.delay = 30;
    knobs.onToken = () => void killAfter(40);
  }
  if (moment === 'the service has decided')
    knobs.onRefresh = async () => {
      kill();
      await closed;
    };
  if (moment === 'the service has answered') knobs.onRefresh = () => void killAfter(80);
  await closed;
  // The service goes on with a request whose sender is gone.
  await sleep(50);
  Object.assign(knobs, { delay: 0, onRefresh: () => undefined, onToken: () => undefined });
}

async function killAtRandomMoments(
  { google, account, first, knex, url }: Awaited<ReturnType<typeof openRefreshing>>,
  count: number,
) {
  const figures = { kept: 0, stored: 0, lost: 0 };
  let id = await connectGoogle(first, google, account, EXPIRED);
  for (let round = 0; round < count; round += 1) {
    const before = await first.vault.open(id);
    const asked = google.counts.refreshes;
    const moment = MOMENTS[round % MOMENTS.length] as Moment;
    await refreshAndKill(google, url, id, moment);
    await knex('T_oauth_tokens').update({ lease_expires_at: new Date(Date.now() - 1000) });
    const after = await first.vault.open(id);
    assert.ok(before?.refreshToken && after?.refreshToken, moment);
    if (google.isRefreshable(after.refreshToken)) {
      figures[after.version > before.version ? 'stored' : 'kept'] += 1;
      const fresh = await first.refresh.getFresh(id);
      assert.ok(google.isLive(fresh.accessToken) && google.isRefreshable(String(fresh.refreshToken)), moment);
    } else {
      figures.lost += 1;
      assert.equal(google.counts.refreshes, asked + 1, 'the service had replaced the refresh token');
      assert.equal(after.refreshToken, before.refreshToken);
      const trace = { old_token_hash: digest(before.refreshToken), error_code: 'no_outcome' };
      assert.equal((await knex('T_token_refresh_log').where(trace)).length, 1);
      const refusal = {
        code: 'needs_reconnect',
        members: { service: 'google', reason: 'refresh_interrupted' },
      };
      await assert.rejects(first.refresh.getFresh(id), refusal);
      const { syncStatus, syncError } = (await first.vault.find(account.id, id)) ?? {};
      assert.deepEqual([syncStatus, syncError], ['error', 'refresh_interrupted']);
    }
    // The same account there again, with tokens that have just expired.
    id = await connectGoogle(first, google, account, EXPIRED);
  }
  return figures;
}

for (const engine of engines as EngineName[])
  describe(`a refresh that is interrupted on ${engine}`, () => {
    test('by a kill loses nothing at a service that keeps refresh tokens', async (t) => {
      const opened = await openRefreshing(t, engine);
      const figures = await killAtRandomMoments(opened, rounds(1));
      t.diagnostic(`${engine}: ${JSON.stringify(figures)}`);
      assert.equal(figures.lost, 0);
    });

    test('by a kill loses what a service has replaced before it could be stored, and says so', async (t) => {
      const opened = await openRefreshing(t, engine);
      opened.google.knobs.rotates = true;
      const figures = await killAtRandomMoments(opened, rounds(MOMENTS.length));
      t.diagnostic(`${engine}: ${JSON.stringify(figures)}`);
      assert.ok(figures.lost >= 1, JSON.stringify(figures));
    });

    test('by the database is stored later, also when another server was refused in between', async (t) => {
      const { google, account, first, second, databases, knex } = await openRefreshing(t, engine);
      google.knobs.rotates = true;
      const id = await connectGoogle(first, google, account, EXPIRED);
      const { client } = databases[0].knex;
      const { acquireConnection } = client;
      google.knobs.onRefresh = () => {
        client.acquireConnection = () => Promise.reject(new Error('the database is unavailable'));
      };
      const late = first.refresh.getFresh(id);
      await google.received('/token');
      google.knobs.onRefresh = () => undefined;
      // The lease has ended while the first server could not store its tokens.
      await databases[1].knex('T_oauth_tokens').update({ lease_expires_at: new Date(Date.now() - 1000) });
      await assert.rejects(second.refresh.getFresh(id), { code: 'needs_reconnect' });
      assert.equal((await second.vault.find(account.id, id))?.syncStatus, 'error');
      client.acquireConnection = acquireConnection;
      const fresh = await late;
      assert.ok(google.isLive(fresh.accessToken) && google.isRefreshable(String(fresh.refreshToken)));
      assert.equal((await second.refresh.getFresh(id)).accessToken, fresh.accessToken);
      assert.equal((await second.vault.find(account.id, id))?.syncStatus, 'active');
      assert.equal((await knex('T_token_refresh_log').where({ success: true })).length, 1);
    });

    test('by a slow answer overwrites no tokens that another server has stored since', async (t) => {
      const { google, account, first, second, databases } = await openRefreshing(t, engine);
      const id = await connectGoogle(first, google, account, EXPIRED);
      let answer: () => void = () => undefined;
      google.knobs.onRefresh = () => new Promise<void>((done) => (answer = done));
      const slow = first.refresh.getFresh(id);
      await google.received('/token');
      google.knobs.onRefresh = () => undefined;
      await databases[1].knex('T_oauth_tokens').update({ lease_expires_at: new Date(Date.now() - 1000) });
      const newer = await second.refresh.getFresh(id);
      answer();
      const both = [await slow, await second.refresh.getFresh(id)];
      assert.deepEqual([...new Set(both.map(({ accessToken }) => accessToken))], [newer.accessToken]);
      assert.equal((await first.vault.find(account.id, id))?.syncStatus, 'active');
    });
  });
