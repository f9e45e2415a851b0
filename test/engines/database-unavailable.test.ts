import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call, refresh, signInWith } from '../support/builders/authorization.ts';
import { type DatabaseProxy, openProxy } from '../support/database-proxy.ts';
import { engines } from '../support/engines.ts';
import { openWorld } from '../support/world.ts';

/** Longer than the server's deadline, and short enough for a person who waits. */
const WITHIN_MS = 2000;

const AWAY: Record<string, { goes(proxy: DatabaseProxy): unknown; returns(proxy: DatabaseProxy): unknown }> =
  {
    'refuses connections': { goes: (proxy) => proxy.refuse(), returns: (proxy) => proxy.listen() },
    'pauses, then continues': { goes: (proxy) => proxy.pause(), returns: (proxy) => proxy.resume() },
    'vanishes without closing its connections, and another replaces it': {
      goes: (proxy) => proxy.pause(),
      returns: (proxy) => proxy.forget(),
    },
  };

// SQLite is embedded, so it cannot be unavailable.
for (const engine of engines.filter((one) => one !== 'sqlite')) {
  describe(`an unavailable database: ${engine}`, () => {
    test('requests get 503 soon, and the server recovers by itself', async (t) => {
      const world = await openWorld(t, engine);
      const proxy = await openProxy(t, world.storage.url);
      const server = await world.start({ LATCHKEY_DATABASE_URL: proxy.url, LATCHKEY_DATABASE_POOL: '3' });
      const client = await world.createClient({ firstParty: true });
      const person = await world.createAccount();
      const { browser, tokens } = await signInWith(server, client, person);
      const bearer = { authorization: `Bearer ${tokens.body.access_token}` };
      const form = { method: 'POST', headers: { accept: 'application/json' } };
      const token = (fields: Record<string, string>) => ({ ...form, body: new URLSearchParams(fields) });
      let refreshToken = tokens.body.refresh_token ?? '';

      async function expectUnavailable(path: string, init: RequestInit, from: Browser): Promise<void> {
        const began = performance.now();
        const response = await from.request(path, init);
        const ms = performance.now() - began;
        const outcome = `${path.slice(0, 12)} ${response.status} after ${ms} ms: ${await response.text()}`;
        assert.equal(response.status, 503, outcome);
        assert.equal(response.headers.get('retry-after'), '2', outcome);
        assert.deepEqual(response.headers.getSetCookie(), [], outcome);
        assert.equal(response.headers.get('location'), null, outcome);
        assert.ok(ms < WITHIN_MS, outcome);
      }

      for (const [how, { goes, returns }] of Object.entries(AWAY)) {
        await t.test(`it ${how}`, async () => {
          await goes(proxy);
          const credentials = {
            client_id: client.client_id,
            client_secret: String(client.client_secret),
          };
          const nobody = () => new Browser(server.issuer);
          await Promise.all([
            expectUnavailable('/', {}, browser),
            expectUnavailable(authorizeUrl(authorization(client, { prompt: 'none' })), {}, browser),
            expectUnavailable('/me', { headers: bearer }, nobody()),
            expectUnavailable(
              '/token',
              token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials }),
              nobody(),
            ),
            ...Array.from({ length: 12 }, (_, index) =>
              expectUnavailable(
                '/token',
                token({ grant_type: 'client_credentials', ...credentials, client_id: `other-${index}` }),
                nobody(),
              ),
            ),
            ...Array.from({ length: 4 }, () => expectUnavailable('/readyz', {}, nobody())),
          ]);
          assert.equal((await fetch(`${server.issuer}/healthz`)).status, 200);

          await returns(proxy);
          const began = performance.now();
          while ((await fetch(`${server.issuer}/readyz`)).status !== 200) {
            assert.ok(performance.now() - began < 4000, 'it is ready again within seconds');
            await sleep(50);
          }
          assert.equal((await fetch(`${server.issuer}/me`, { headers: bearer })).status, 200);
          assert.match(await (await browser.get('/')).text(), /ada/);
          const next = await refresh(server, client, refreshToken);
          assert.equal(next.status, 200, JSON.stringify(next.body));
          refreshToken = next.body.refresh_token ?? '';
          const silent = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
          assert.match(silent.headers.get('location') ?? '', /[?&]code=/);
          const info = await call(server, client, '/token/introspection', {
            token: next.body.access_token,
          });
          assert.equal(info.body.active, true);
        });
      }
    });
  });
}
