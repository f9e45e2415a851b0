import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import Koa from 'koa';
import { projectPath } from '../../src/kit/project-root.ts';
import { createAssets } from '../../src/web/assets.ts';
import { startServer } from '../support/server.ts';

const assets = createAssets();

describe('the assets', () => {
  /** Serves the assets only, until the test ends. */
  async function serve(t: TestContext): Promise<string> {
    const app = new Koa();
    app.use(assets.middleware);
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('are cached forever under a name that changes with their content', async (t) => {
    const origin = await serve(t);
    for (const [name, type] of [
      ['latchkey.css', 'text/css; charset=utf-8'],
      ['logo.svg', 'image/svg+xml'],
    ] as const) {
      const answer = await fetch(origin + assets.url(name));
      const body = Buffer.from(await answer.arrayBuffer());
      const [stem, ending] = name.split('.');
      const digest = createHash('sha256').update(body).digest('hex').slice(0, 10);
      assert.equal(assets.url(name), `/assets/${stem}.${digest}.${ending}`);
      assert.equal(answer.headers.get('content-type'), type);
      assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      const source = readFileSync(projectPath(`assets/${name}`), 'utf8');
      const bare = name === 'latchkey.css' ? source.replace(/^\/\*.*\*\/\n|\n/gm, '') : source;
      assert.equal(body.toString(), bare, 'only comments and line ends are left out');
    }
  });

  test('are sent compressed to browsers that can read that, and pages never are', async (t) => {
    const origin = await serve(t);
    const url = origin + assets.url('latchkey.css');
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    const css = Buffer.from(await plain.arrayBuffer());
    for (const [accepted, encoding] of [
      ['gzip, deflate, br, zstd', 'br'],
      ['gzip', 'gzip'],
      ['br;q=0, gzip;q=0', null],
      ['identity', null],
    ] as const) {
      const headers = { 'accept-encoding': accepted };
      const answer = await fetch(url, { headers });
      assert.equal(answer.headers.get('content-encoding'), encoding);
      assert.equal(answer.headers.get('vary'), 'Accept-Encoding');
      if (encoding) assert.ok(Number(answer.headers.get('content-length')) < css.length / 2);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), css);
    }
    const server = await startServer(t, 'sqlite');
    const page = await fetch(server.issuer, { headers: { 'accept-encoding': 'gzip, br' } });
    assert.equal(page.headers.get('content-encoding'), null);
  });

  test('a HEAD request gets the length and no body', async (t) => {
    const answer = await fetch((await serve(t)) + assets.url('logo.svg'), { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.ok(Number(answer.headers.get('content-length')) > 0);
    assert.equal(await answer.text(), '');
  });

  test('the icon that browsers request by themselves is not cached forever', async (t) => {
    const answer = await fetch(`${await serve(t)}/favicon.ico`);
    assert.equal(answer.headers.get('content-type'), 'image/svg+xml');
    assert.doesNotMatch(answer.headers.get('cache-control') ?? '', /immutable/);
  });

  test('other paths are left to the next middleware', async (t) => {
    const origin = await serve(t);
    const css = assets.url('latchkey.css');
    const others = ['/assets/latchkey.0000000000.css', '/assets/latchkey.css', '/assets/', `${css}/x`, '/'];
    for (const path of [...others, '/assets/..%2fpackage.json', '/assets/__proto__']) {
      assert.equal((await fetch(origin + path)).status, 404, path);
    }
    assert.equal((await fetch(origin + css, { method: 'POST' })).status, 404);
  });

  test('the name of a missing asset throws', () => {
    assert.throws(() => assets.url('constructor'), /no asset constructor/);
  });
});
