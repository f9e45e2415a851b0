import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrateLatest } from '../../src/database/migrate.ts';
import { call, signInWith } from '../support/builders/authorization.ts';
import { createDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { freePort } from '../support/free-port.ts';
import { rollBackAll } from '../support/roll-back-all.ts';
import { openWorld, runToExit } from '../support/world.ts';

const OTHER_SECRET = 'YW5vdGhlciBrZXkgdGhhdCBzZWFsZWQgbm90aGluZyBoZXJlIGF0IGFsbA';

/** Sends a request on a kept connection. @returns the status, or the code of the system's error */
function send(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<{ status: number; goes: boolean }> {
  return new Promise((done, reject) => {
    const sent = httpRequest(url, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.on('end', () =>
        done({ status: response.statusCode ?? 0, goes: response.headers.connection === 'close' }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('the process', () => {
  test('does not start with secrets that cannot decrypt the signing keys, and says why', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start();
    await server.kill('SIGTERM');
    await assert.rejects(world.start({ LATCHKEY_SECRETS: OTHER_SECRET }), (error: Error) => {
      assert.match(error.message, /ended with 1/);
      assert.match(error.message, /signing key [\w-]+ cannot be decrypted\. Add .* LATCHKEY_SECRETS/);
      assert.ok(!error.message.includes(OTHER_SECRET) && !error.message.includes('    at '));
      return true;
    });
    // The old secret as the second of the list is enough.
    await world.start({ LATCHKEY_SECRETS: [OTHER_SECRET, ...SECRETS].join(',') });
  });
});

for (const engine of engines) {
  describe(`the process on ${engine}`, () => {
    test('stopped under load, it answers every request that it accepted, and exits with 0', async (t) => {
      const world = await openWorld(t, engine, { fresh: true });
      const server = await world.start();
      const client = await world.createClient({ grantTypes: ['client_credentials'], redirectUris: [] });
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
      };
      const answers: number[] = [];
      const workers = Array.from({ length: 16 }, async () => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        for (;;) {
          try {
            const { status, goes } = await send(
              agent,
              `${server.issuer}/token`,
              headers,
              'grant_type=client_credentials',
            );
            answers.push(status);
            if (goes) return 'connection: close';
          } catch (error) {
            agent.destroy();
            return (error as { code?: string }).code;
          }
        }
      });
      await sleep(400);
      const before = answers.length;
      const began = performance.now();
      const code = await server.kill('SIGTERM');
      const took = performance.now() - began;
      // On a busy machine a request may be sent after its connection was closed. It was not accepted: see the count below.
      const ends = (await Promise.all(workers)).filter((end) => end !== 'ECONNRESET');
      assert.deepEqual(new Set(ends), new Set(['connection: close']));
      assert.ok(ends.length > 0, 'no connection ended with an answer');
      assert.deepEqual(new Set(answers), new Set([200]));
      assert.equal(code, 0);
      assert.ok(answers.length > before && took < 5000, `${answers.length}, ${took} ms`);
      const rows = await world.database.knex('T_access_tokens').count({ n: '*' });
      assert.equal(Number(rows[0]?.n), answers.length);
    });

    test('production does not start on a schema that is not current', async (t) => {
      const { url, drop } = await createDatabase(engine);
      t.after(drop);
      const { code, output } = await runToExit({
        NODE_ENV: 'production',
        LATCHKEY_ISSUER: 'https://id.harbour.test',
        LATCHKEY_SECRETS: OTHER_SECRET,
        LATCHKEY_DATABASE_URL: url,
      });
      assert.equal(code, 1);
      assert.match(
        output,
        /schema is not current\. \d+ migrations are pending\. Run: npx latchkey db migrate/,
      );
      assert.ok(!output.includes('    at '), output);
    });
  });
}

describe('the process', () => {
  test('production names every fault of its configuration in one message', async () => {
    const { code, output } = await runToExit({
      NODE_ENV: 'production',
      LATCHKEY_ISSUER: 'http://id.harbour.test',
      LATCHKEY_PORT: '0',
      LATCHKEY_SECRETS: `short,${'ab'.repeat(30)},change-me-${OTHER_SECRET}`,
    });
    assert.equal(code, 1);
    for (const fault of [
      /https URL in production/,
      /value 1, must have at least 32/,
      /value 2, must be random/,
      /value 3, must be random/,
    ])
      assert.match(output, fault);
    assert.ok(!output.includes(OTHER_SECRET) && !output.includes('ready'));
    const missing = await runToExit({
      NODE_ENV: 'production',
      LATCHKEY_ISSUER: 'https://id.harbour.test',
      LATCHKEY_PORT: '0',
    });
    assert.equal(missing.code, 1);
    assert.match(missing.output, /LATCHKEY_SECRETS must be set/);
  });

  test('a missing database is named, without its password', async () => {
    const port = await freePort();
    const { code, output } = await runToExit({
      LATCHKEY_DATABASE_URL: `postgres://latchkey:hunter2hunter2@127.0.0.1:${port}/x`,
      LATCHKEY_SECRETS: OTHER_SECRET,
    });
    assert.equal(code, 1);
    assert.match(output, /does not answer/);
    assert.ok(!output.includes('hunter2'), output);
  });

  test('slow, endless and huge requests do not delay other requests', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start();
    const client = await world.createClient({ firstParty: true });
    const { tokens } = await signInWith(server, client, await world.createAccount());
    const { port } = new URL(server.issuer);
    const sockets = Array.from({ length: 300 }, (_, index) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.write('POST /token HTTP/1.1\r\nHost: x\r\n');
      if (index % 3 === 0) socket.write('Content-Type: application/x-www-form-urlencoded\r\n');
      if (index % 3 === 0) socket.write('Content-Length: 100000\r\n\r\na');
      if (index % 3 === 1) socket.write(`X-Long: ${'a'.repeat(8000)}`);
      return socket;
    });
    const trickle = setInterval(() => {
      for (const socket of sockets) socket.write('a');
    }, 50);
    t.after(() => {
      clearInterval(trickle);
      for (const socket of sockets) socket.destroy();
    });
    const bad = (init: RequestInit, path = '/token') => fetch(`${server.issuer}${path}`, init);
    const times: number[] = [];
    for (let turn = 0; turn < 15; turn += 1) {
      const began = performance.now();
      const { body } = await call(server, client, '/token/introspection', {
        token: tokens.body.access_token,
      });
      times.push(performance.now() - began);
      assert.equal(body.active, true);
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const answers = await Promise.all([
        bad({ headers: { 'x-huge': 'a'.repeat(15_000), cookie: 'b'.repeat(15_000) } }, '/'),
        bad({ headers: { cookie: Array.from({ length: 1000 }, (_, n) => `c${n}=1`).join('; ') } }, '/x'),
        bad({ method: 'POST', headers: form, body: `code=${'a'.repeat(1_000_000)}` }),
        bad({ method: 'POST', headers: form, body: 'grant_type=authorization_code&grant_type=%FF' }),
        bad({ method: 'POST', headers: { 'content-type': 'application/json' }, body: '['.repeat(50_000) }),
      ]);
      assert.ok(
        answers.every(({ status }) => status >= 400 && status < 500),
        answers.map(({ status }) => status).join(),
      );
      for (const answer of answers) await answer.body?.cancel();
    }
    const median = times.toSorted((a, b) => a - b)[7] ?? 0;
    assert.ok(median < 100, `a good request took ${Math.round(median)} ms`);
    assert.equal((await fetch(`${server.issuer}/.well-known/openid-configuration`)).status, 200);
  });

  test('a server starts again after a rollback and a migration', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    await rollBackAll(world.database, world.storage.url);
    await migrateLatest(world.database, world.storage.url);
    await world.start();
  });
});
