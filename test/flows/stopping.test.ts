import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectPath } from '../../src/kit/project-root.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { CALENDARS, callerOf } from '../support/builders/proxied-calls.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { SECRETS } from '../support/databases.ts';
import { freePort } from '../support/free-port.ts';
import { receiveAll, sendRaw } from '../support/raw-http.ts';
import { addGoogle, connectGoogle, openServices } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';
import { openWorld } from '../support/world.ts';

describe('a server that gets SIGTERM', () => {
  test('is not ready at once, still answers for LATCHKEY_DRAIN seconds, and ends kept connections', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start({ LATCHKEY_DRAIN: '2' });
    assert.equal((await fetch(`${server.issuer}/readyz`)).status, 200);
    const began = performance.now();
    const ended = server.kill('SIGTERM');
    await sleep(200);
    const ready = await fetch(`${server.issuer}/readyz`);
    assert.deepEqual([ready.status, ready.headers.get('connection')], [503, 'close']);
    assert.deepEqual(await ready.json(), { status: 'unavailable', reason: 'The server is stopping.' });
    await sleep(1000);
    const page = await fetch(`${server.issuer}/forgot`);
    assert.deepEqual([page.status, page.headers.get('connection')], [200, 'close']);
    assert.equal((await fetch(`${server.issuer}/healthz`)).status, 200);
    assert.equal(await ended, 0);
    const took = performance.now() - began;
    assert.ok(took >= 2000 && took < 4000, `${took} ms`);
  });

  test('ends silent and slow connections soon after the drain, and exits with 0', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start();
    const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n';
    const sent = ['', 'GET / HT', head, `${head}Content-Length: 5000\r\n\r\na=`];
    const slow = sent.map((bytes) => receiveAll(sendRaw(server.issuer, bytes), 20_000));
    const kept = sendRaw(server.issuer, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(kept, 'data');
    const began = performance.now();
    assert.equal(await server.kill('SIGTERM'), 0);
    const took = performance.now() - began;
    assert.ok(took < 2500, `${took} ms`);
    assert.deepEqual(await Promise.all(slow), ['', '', '', '']);
  });

  test('ends at once at a second signal', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start({ LATCHKEY_DRAIN: '60' });
    const began = performance.now();
    const first = server.kill('SIGTERM');
    await sleep(200);
    assert.equal(await server.kill('SIGTERM'), 1);
    assert.equal(await first, 1);
    assert.ok(performance.now() - began < 2000);
  });

  test('stores the tokens of a refresh under way, though nobody waits for it any more', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const server = await world.start({ LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true' });
    const google = await startGoogle(t);
    google.knobs.rotates = true;
    google.knobs.delay = 800;
    const services = openServices(world.database);
    await addGoogle(services, google);
    const scope = 'openid connections:google.read';
    const ada = await world.createAccount('ada');
    await world.database.knex('T_accounts').update({ scopes: JSON.stringify(['openid', 'connections:*']) });
    const client = await world.createClient({ scope });
    const id = await connectGoogle(services.connections, google, ada, { life: -1000 });
    const { tokens } = await signInWith(server, client, ada, { scope });
    const aborting = new AbortController();
    const call = callerOf(server, String(tokens.body.access_token));
    const given = call(CALENDARS, { signal: aborting.signal }).catch(() => undefined);
    await google.received('/token');
    aborting.abort();
    await given;
    assert.equal(await server.kill('SIGTERM'), 0);
    const { version, refreshToken } = (await services.connections.vault.open(id)) ?? {};
    assert.equal(version, 2);
    assert.ok(google.isRefreshable(String(refreshToken)));
  });

  test('gets it through npm start', async (t) => {
    const world = await openWorld(t, 'sqlite', { fresh: true });
    const port = String(await freePort());
    const npm = spawn('npm', ['start'], {
      cwd: projectPath('.'),
      env: childEnvironment({
        HOME: process.env.HOME,
        LATCHKEY_PORT: port,
        LATCHKEY_ISSUER: `http://localhost:${port}`,
        LATCHKEY_DATABASE_URL: world.storage.url,
        LATCHKEY_SECRETS: SECRETS.join(','),
        LATCHKEY_DRAIN: '0',
      }),
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    t.after(() => {
      try {
        process.kill(-Number(npm.pid), 'SIGKILL');
      } catch {
        // It has ended.
      }
    });
    let output = '';
    for await (const chunk of npm.stdout) {
      output += chunk;
      if (output.includes('Latchkey is ready')) break;
    }
    assert.match(output, /Latchkey is ready/);
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    npm.kill('SIGTERM');
    await once(npm, 'close');
    await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
  });
});
