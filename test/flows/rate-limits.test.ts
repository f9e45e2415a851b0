import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Config } from '../../src/config/settings.ts';
import { purge } from '../../src/maintenance/purge.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { invite, open } from '../support/builders/invitation.ts';
import { openProxy } from '../support/database-proxy.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const FAILURES = 50;
/** A username that fails before bcrypt, with which these tests would take minutes. */
const TOO_LONG = 'x'.repeat(256);
const REDIS = process.env.LATCHKEY_TEST_REDIS;

/** @returns a function that sends a failing sign-in from a fresh browser, with the address in the header of a proxy */
async function guesser(server: TestServer) {
  const client = await server.createClient();
  const browser = new Browser(server.issuer);
  const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
  const { action, fields } = await formOf(page);
  let person = 0;
  return async (from: string, headers: Record<string, string> = {}) => {
    const form = { ...fields, username: `${TOO_LONG}${person++}`, password: 'wrong' };
    return browser.post(action, form, { 'x-forwarded-for': from, ...headers });
  };
}

/** @returns how often each status was answered */
async function send(guess: Awaited<ReturnType<typeof guesser>>, addresses: string[]) {
  const answers = await Promise.all(addresses.map((address) => guess(address)));
  const statuses: Record<number, number> = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  return statuses;
}

const times = (count: number, ...addresses: string[]) =>
  Array.from({ length: count }, (_, index) => addresses[index % addresses.length] as string);

const behindProxy = { config: { trustProxy: 1 } };

describe('failed sign-ins from one address', { concurrency: true }, () => {
  test('are counted by /64, and by the last entry of X-Forwarded-For', async (t) => {
    const server = await startServer(t, 'sqlite', behindProxy);
    const guess = await guesser(server);
    const hosts = times(60, '2001:db8::1', '2001:db8:0:0:a:b:c:d', '2001:DB8::ffff:0:0');
    assert.deepEqual(await send(guess, hosts), { 401: FAILURES, 429: 10 });
    assert.equal((await guess('2001:db8:0:1::1')).status, 401);
    const forged = Array.from({ length: 60 }, (_, index) => `203.0.113.${index}, 198.51.100.7`);
    assert.deepEqual(await send(guess, forged), { 401: FAILURES, 429: 10 });
    assert.equal((await guess('203.0.113.1')).status, 401);
    const junk = Array.from({ length: 60 }, (_, index) => `junk${index}`);
    assert.deepEqual(await send(guess, junk), { 401: FAILURES, 429: 10 });
  });

  test('are counted by the connection’s address where no proxy is trusted', async (t) => {
    const server = await startServer(t, 'sqlite');
    const guess = await guesser(server);
    const forged = Array.from({ length: 60 }, (_, index) => `203.0.113.${index}`);
    assert.deepEqual(await send(guess, forged), { 401: FAILURES, 429: 10 });
  });

  test('do not include successful sign-ins, nor empty fields', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const person = await server.createAccount();
    for (let count = 0; count < 2; count += 1)
      assert.equal((await walk(new Browser(server.issuer), authorization(client), person)).status, 303);
    const points = await server.database.knex('T_rate_limits').sum({ sum: 'points' }).first();
    assert.equal(Number(points?.sum), 0);
  });

  test('that are unknown are limited to 20, typed or in a link; a valid one is not counted', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code } = await invite(server);
    for (let count = 0; count < 3; count += 1) assert.equal((await open(server, code)).page.status, 200);
    for (let count = 0; count < 20; count += 1)
      assert.equal((await open(server, randomBytes(20).toString('hex'))).page.status, 400);
    for (const one of ['K7QF2-2XWM9', code]) {
      const { page } = await open(server, one);
      assert.equal(page.status, 429);
      assert.ok(Number(page.headers.get('retry-after')) > 0);
    }
    await server.database.knex('T_rate_limits').update({ expires_at: new Date(Date.now() - 1000) });
    assert.equal((await open(server, code)).page.status, 200);
  });
});

for (const engine of engines) {
  describe(`failed sign-ins from one address on ${engine}`, { concurrency: true }, () => {
    test('are limited to 50 over all servers and accounts; then that address alone gets 429 for a while', async (t) => {
      const server = await startServer(t, engine, behindProxy);
      const { storage } = server;
      const config = { trustProxy: 1, issuer: server.issuer };
      const second = await startServer(t, engine, { storage, config });
      const guess = await guesser(server);
      const statuses = await send(guess, times(70, '192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'));
      assert.deepEqual(statuses, { 401: FAILURES, 429: 20 });

      const refused = await guess('192.0.2.1');
      assert.equal(refused.status, 429);
      const seconds = Number(refused.headers.get('retry-after'));
      assert.ok(seconds > 600 && seconds <= 900, String(seconds));
      assert.match(await refused.text(), /Too many attempts[\s\S]*Try again in 1[45] minutes/);
      const problem = await guess('192.0.2.1', { accept: 'application/json' });
      assert.match(String(problem.headers.get('content-type')), /problem\+json/);
      const { status, code } = (await problem.json()) as { status: number; code: string };
      assert.deepEqual([status, code], [429, 'too_many_attempts']);

      const there = await guesser(second);
      const elsewhere = new Browser(`http://127.0.0.1:${second.config.port}`, second.issuer);
      assert.equal((await elsewhere.get('/')).status, 200);
      assert.equal((await there('192.0.2.1')).status, 429);
      assert.equal((await there('192.0.2.2')).status, 401);

      // The right password is refused too, but the account is not locked.
      const person = await server.createAccount();
      const form = await guesser(server);
      assert.equal((await form('192.0.2.1')).status, 429);
      const { failed_login_attempts } = await server.database.knex('T_credentials').first();
      assert.equal(Number(failed_login_attempts), 0);

      const { knex } = server.database;
      await knex('T_rate_limits').update({ expires_at: new Date(Date.now() - 1000) });
      assert.equal((await guess('192.0.2.1')).status, 401);
      assert.equal(
        (await walk(new Browser(server.issuer), authorization(await server.createClient()), person)).status,
        303,
      );
      const rows = await knex('T_rate_limits');
      assert.ok(!JSON.stringify(rows).includes('192.0.2'), 'an address is stored as its digest');
      const [purged] = await purge(server.database, { retention: {}, table: 'T_rate_limits' });
      assert.ok(Number(purged?.rows) > 0);
    });

    test('are counted by each server alone when the table is missing: no response is 500', async (t) => {
      const server = await startServer(t, engine);
      await server.database.knex.schema.dropTable('T_rate_limits');
      assert.deepEqual(await send(await guesser(server), times(60, '')), { 401: FAILURES, 429: 10 });
    });
  });

  describe(`invitation codes from one address on ${engine}`, () => {});
}

describe('failed sign-ins, limited in Redis', () => {
  const startWith = (t: Parameters<typeof startServer>[0], config: Partial<Config>) =>
    startServer(t, 'sqlite', { config: { trustProxy: 1, ...config } });
  /** Different in each test, because all tests share one Redis. */
  const address = `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}::1`;

  const skip = REDIS ? false : 'LATCHKEY_TEST_REDIS is not set';

  test('are counted there for all servers, and not in the database', { skip }, async (t) => {
    const first = await startWith(t, { redisUrl: REDIS });
    const second = await startWith(t, { redisUrl: REDIS });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(await send(await guesser(first), times(60, address)), { 401: FAILURES, 429: 10 });
    assert.equal((await (await guesser(second))(address)).status, 429);
    assert.equal((await first.database.knex('T_rate_limits')).length, 0);
  });

  test('wait once for a Redis that stands still, and not each time', { skip }, async (t) => {
    const proxy = await openProxy(t, String(REDIS));
    const server = await startWith(t, { redisUrl: proxy.url });
    const guess = await guesser(server);
    const other = address.replace('2001', '2002');
    assert.equal((await guess(other)).status, 401);
    proxy.pause();
    assert.equal((await guess(other)).status, 401);
    const start = performance.now();
    for (let times = 0; times < 10; times += 1) assert.equal((await guess(other)).status, 401);
    // Three commands of each attempt would wait for 1.5 seconds.
    assert.ok(performance.now() - start < 15_000);
  });

  test('are counted by each server alone while Redis is unavailable', async (t) => {
    const server = await startWith(t, { redisUrl: 'redis://127.0.0.1:1' });
    assert.deepEqual(await send(await guesser(server), times(60, address)), { 401: FAILURES, 429: 10 });
  });
});
