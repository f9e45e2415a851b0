import assert from 'node:assert/strict';
import type { lookup } from 'node:dns';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isPublicAddress } from '../../src/kit/guarded-agent.ts';
import { createGuardedFetch } from '../../src/kit/guarded-fetch.ts';

/** A server on every address of this machine. `reached` counts connections, so it also sees those that TLS would break. */
async function startCanary(t: TestContext, listener: RequestListener = (_req, res) => res.end('here')) {
  const server = createServer(listener);
  let reached = 0;
  server.on('connection', () => {
    reached += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, reached: () => reached };
}

/** A resolver whose answers are those addresses, one after the other. */
const resolverTo = (...answers: string[]) =>
  ((_host: string, _options: object, done: (error: null, addresses: object[]) => void) => {
    const address = answers.shift() ?? '127.0.0.1';
    done(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  }) as unknown as typeof lookup;

const PRIVATE_HOSTS = [
  '127.0.0.1',
  '127.1.2.3',
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  '0.0.0.0',
  'localhost',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[fe80::1]',
  '[fec0::1]',
  '[fd00::1]',
];

test('private addresses are refused in whatever form a URL has them, before a connection is made', async (t) => {
  const canary = await startCanary(t);
  const fetch = createGuardedFetch({ allowPrivate: false });
  for (const host of PRIVATE_HOSTS)
    await assert.rejects(
      fetch(`https://${host}:${canary.port}/`),
      ({ cause }: Error) => /not on the public internet/.test(String(cause)),
      host,
    );
  assert.equal(canary.reached(), 0);
});

test('a name with a private address is refused, also one whose next answer is another one', async (t) => {
  const canary = await startCanary(t);
  for (const answers of [['127.0.0.1'], ['::1'], ['::ffff:10.0.0.1'], ['127.0.0.1', '1.1.1.1']])
    await assert.rejects(
      createGuardedFetch({ allowPrivate: false, resolveName: resolverTo(...answers) })(
        `https://app.example:${canary.port}/`,
      ),
    );
  // The connection goes to the address that was checked: no second answer is asked for.
  let asked = 0;
  const counting = ((_host: string, _options: object, done: (error: null, addresses: object[]) => void) => {
    asked += 1;
    done(null, [{ address: asked === 1 ? '192.0.2.1' : '127.0.0.1', family: 4 }]);
  }) as unknown as typeof lookup;
  await assert.rejects(
    createGuardedFetch({ allowPrivate: false, resolveName: counting })(`https://a.example:${canary.port}/`),
  );
  assert.deepEqual([asked, canary.reached()], [1, 0]);
});

test('only https is accepted, and http where private services are allowed', async (t) => {
  const canary = await startCanary(t);
  const guarded = createGuardedFetch({ allowPrivate: false });
  for (const url of [`http://127.0.0.1:${canary.port}/`, 'data:,x', 'file:///etc/passwd', 'ftp://a.example/'])
    await assert.rejects(guarded(url), /not with https:/, url);
  assert.equal(canary.reached(), 0);
  const open = createGuardedFetch({ allowPrivate: true });
  assert.equal(await (await open(`http://127.0.0.1:${canary.port}/`)).text(), 'here');
  await assert.rejects(open('data:,x'));
});

test('a redirect is returned and not followed', async (t) => {
  const target = await startCanary(t);
  const source = await startCanary(t, (_req, res) =>
    res.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end(),
  );
  const fetch = createGuardedFetch({ allowPrivate: true });
  const response = await fetch(`http://127.0.0.1:${source.port}/`, { redirect: 'follow' });
  assert.deepEqual([response.status, target.reached()], [302, 0]);
});

test('a body that is too large is cut off, also one that only its decompression makes large', async (t) => {
  const bomb = gzipSync(Buffer.alloc(200_000_000));
  const canary = await startCanary(t, (req, res) => {
    if (req.url === '/bomb') return res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    const endless = () => {
      while (res.write(Buffer.alloc(16_384)));
    };
    res.on('drain', endless);
    endless();
  });
  const fetch = createGuardedFetch({ allowPrivate: true });
  const before = process.memoryUsage().arrayBuffers;
  for (const path of ['/bomb', '/endless'])
    await assert.rejects(fetch(`http://127.0.0.1:${canary.port}${path}`), /larger than/, path);
  assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
});

test('a body that comes byte by byte ends with the time limit of its request', async (t) => {
  const canary = await startCanary(t, (_req, res) => {
    const timer = setInterval(() => res.write('x'), 20);
    res.on('close', () => clearInterval(timer));
  });
  const fetch = createGuardedFetch({ allowPrivate: true });
  const began = Date.now();
  await assert.rejects(
    fetch(`http://127.0.0.1:${canary.port}/`, { signal: AbortSignal.timeout(300) }),
    /timeout/,
  );
  assert.ok(Date.now() - began < 3000);
});

test('public addresses are accepted', () => {
  for (const address of ['1.1.1.1', '93.184.216.34', '2606:4700::1111']) assert.ok(isPublicAddress(address));
});
