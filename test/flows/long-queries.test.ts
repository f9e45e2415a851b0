import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { beginCalls, CALENDARS, startWithGoogle } from '../support/builders/proxied-calls.ts';
import { visit } from '../support/builders/signed-in.ts';

const MANY = 500;
const QUERY = 'a&'.repeat(MANY);

test('no path compares each parameter of a query with all others', async (t) => {
  const started = await startWithGoogle(t, 'sqlite');
  const { server } = started;
  const { call } = await beginCalls(started);
  const { browser } = await visit(server, await server.createAccount('ines', '*:*'), '/account');
  let values = 0;
  const { getAll } = URLSearchParams.prototype;
  t.after(() => Object.assign(URLSearchParams.prototype, { getAll }));
  // A mock of node:test would keep each of the lists.
  Object.assign(URLSearchParams.prototype, {
    getAll(this: URLSearchParams, name: string) {
      const found = getAll.call(this, name);
      values += found.length;
      return found;
    },
  });
  const worked: Record<string, number> = {};
  const paths = ROUTES.map(({ path }) => path.replace(/:\w+/, 'abc').replace('*', 'x'));
  for (const path of [...new Set([...paths, '/nothing', '/styles.css'])]) {
    values = 0;
    await browser.get(`${path}?${QUERY}`);
    if (values > 2 * MANY) worked[path] = values;
  }
  values = 0;
  const { status } = await call(`${CALENDARS}?${QUERY}`);
  assert.deepEqual([status, values < 2 * MANY, worked], [200, true, {}]);
});

test('a parameter that is repeated is no text, however many others are between', async (t) => {
  const { server } = await startWithGoogle(t, 'sqlite');
  const between = Array.from({ length: 1500 }, (_, index) => index.toString(36)).join('&');
  const repeated = await fetch(`${server.issuer}/session/end?client_id=x&${between}&client_id=y`);
  assert.equal(repeated.status, 400);
  assert.match(await repeated.text(), /client_id/);
});
