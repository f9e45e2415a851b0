import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createKey, createService, type Key, present, sign } from '../support/builders/client-assertions.ts';
import { createSlowKey } from '../support/builders/slow-key.ts';
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

test('a published key that may not be registered is ignored, and so is every key of a large set', async (t) => {
  const published = await publishKeys(t);
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
  const [good, slow] = [await createKey('ES256', 'good'), await createSlowKey('slow')];
  const worksOf = async (keys: Key['jwk'][], key: Key) => {
    published.keys = keys;
    const { client_id } = await createService(server, [], { jwks: undefined, jwksUri: published.url });
    return (await present(server, await sign(server, client_id, key))).status === 200;
  };
  assert.equal(await worksOf([slow.jwk, good.jwk], good), true);
  assert.equal(await worksOf([slow.jwk, good.jwk], slow), false);
  const others = await Promise.all(Array.from({ length: 20 }, (_, index) => createKey('ES256', `${index}`)));
  const many = [good, ...others].map(({ jwk }) => jwk);
  assert.equal(await worksOf(many.slice(0, 20), good), true);
  assert.equal(await worksOf(many, good), false);
});

test('an RSA key is registered only if verifying with it is fast', async (t) => {
  const server = await startServer(t, 'sqlite');
  const n = randomBytes(1032).fill(255, 0, 1).fill(1, 1031).toString('base64url');
  const registering = async (jwk: object) =>
    createService(server, [], { jwks: { keys: [{ kty: 'RSA', n, e: 'AQAB', ...jwk }] } });
  await assert.rejects(
    registering((await createSlowKey('slow')).jwk),
    /Key 1 of the JWK Set has another exponent/,
  );
  await assert.rejects(registering({}), /has 8256 bits. RSA keys have between 2048 and 8192/);
  await assert.rejects(registering({ e: 'AQ' }), /Key 1 of the JWK Set/);
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
