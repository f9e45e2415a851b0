import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHaproxy, withoutProxy } from '../support/http-proxies.ts';
import { openWorld, rounds } from '../support/world.ts';

const BODY = 'grant_type=client_credentials';
const WORKERS = 12;

/** Sends a POST on a kept connection. @returns the status, or the code of the system's error */
function post(agent: Agent, url: string, authorization: string): Promise<number | string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization };
  return new Promise((resolve) => {
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(BODY);
  });
}

// LATCHKEY_TEST_ROUNDS=20 restarts twenty times.
test('no request fails while two servers restart in turn behind HAProxy', {
  skip: withoutProxy('haproxy'),
}, async (t) => {
  const world = await openWorld(t, 'sqlite');
  const settings = { LATCHKEY_DRAIN: '1' };
  const servers = [await world.start(settings), await world.start(settings)];
  const client = await world.createClient({ grantTypes: ['client_credentials'], redirectUris: [] });
  const proxy = await startHaproxy(
    t,
    servers.map(({ issuer }) => issuer),
  );
  const credentials = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
  const answers: Record<string, number> = {};
  let isOver = false;
  const workers = Array.from({ length: WORKERS }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!isOver) {
      const status = await post(agent, `${proxy}/token`, `Basic ${credentials}`);
      answers[status] = (answers[status] ?? 0) + 1;
    }
    agent.destroy();
  });
  await sleep(500);
  for (let round = 0; round < rounds(2); round += 1) {
    const server = servers[round % 2];
    assert.equal(await server?.kill('SIGTERM'), 0);
    await server?.restart();
    // HAProxy takes it back.
    await sleep(500);
  }
  isOver = true;
  await Promise.all(workers);
  t.diagnostic(JSON.stringify(answers));
  assert.deepEqual(Object.keys(answers), ['200']);
});
