import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createKey, createService, type Key, present, sign } from '../support/builders/client-assertions.ts';
import { startServer } from '../support/server.ts';

/** An application that publishes keys, and counts how often they are read. */
async function publishKeys(t: { after(work: () => void): void }) {
  const published = { keys: [] as Key['jwk'][], status: 200, reads: 0 };
  const server = createServer((_req, res) => {
    published.reads += 1;
    res.writeHead(published.status, { 'content-type': 'application/json', 'cache-control': 'max-age=86400' });
    res.end(JSON.stringify({ keys: published.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return Object.assign(published, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
  });
}

test('the keys at a jwks_uri are read when they are needed, again for an unknown key, and rarely', async (t) => {
  const published = await publishKeys(t);
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
  const [first, second] = [await createKey('ES256', '1'), await createKey('ES256', '2')];
  const { client_id } = await createService(server, [], { jwks: undefined, jwksUri: published.url });
  const works = async (key: Key) =>
    (await present(server, await sign(server, client_id, key))).status === 200;
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  published.keys = [first.jwk];
  assert.deepEqual([await works(first), await works(first), published.reads], [true, true, 1]);

  published.keys = [second.jwk];
  const attempts = await Promise.all([second, second, second, first].map(works));
  assert.deepEqual([...attempts, published.reads], [false, false, false, true, 1], 'within ten seconds');
  t.mock.timers.tick(11_000);
  assert.deepEqual([await works(second), await works(first), published.reads], [true, false, 2]);

  // The application says that its keys stay the same for a day.
  published.keys = [first.jwk];
  t.mock.timers.tick(301_000);
  assert.deepEqual([await works(second), published.reads], [false, 3], 'a removed key');

  published.status = 500;
  t.mock.timers.tick(301_000);
  assert.deepEqual([await works(first), await works(first), published.reads], [false, false, 4]);
  published.status = 200;
  t.mock.timers.tick(11_000);
  assert.deepEqual([await works(first), published.reads], [true, 5]);
});

test('a jwks_uri in the private network is never asked', async (t) => {
  const published = await publishKeys(t);
  const server = await startServer(t, 'sqlite');
  const key = await createKey('ES256', '1');
  published.keys = [key.jwk];
  for (const url of [published.url, published.url.replace('http:', 'https:')]) {
    const { client_id } = await createService(server, [], { jwks: undefined, jwksUri: url });
    assert.equal((await present(server, await sign(server, client_id, key))).status, 401);
  }
  assert.equal(published.reads, 0);
});
