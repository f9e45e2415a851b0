import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Browser } from '../support/browser.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PATH = '/admin/signing-keys';

/** The token of the form of that action, and the keys that the page offers to reject. */
async function read(browser: Browser, action: string) {
  const html = await (await browser.get(PATH)).text();
  const [, csrf = ''] =
    new RegExp(`action="${action}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(html) ?? [];
  return {
    csrf,
    html,
    kids: [...html.matchAll(/name="kid" value="([^"]+)"/g)].map(([, kid]) => String(kid)),
  };
}

async function send(browser: Browser, act: 'rotate' | 'retire', fields: Record<string, string> = {}) {
  const { csrf } = await read(browser, `${PATH}/${act}`);
  return browser.post(`${PATH}/${act}`, { csrf, ...fields });
}

const publishedBy = async ({ issuer }: TestServer) => {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
};

test('the console lists, rotates and rejects signing keys, in the name of the administrator', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:keys');
  const { browser } = await visit(server, ada, PATH);
  const before = await server.services.signingKeys.list();
  const page = await read(browser, `${PATH}/retire`);
  assert.deepEqual(page.kids.toSorted(), before.map(({ kid }) => kid).toSorted());

  const rotated = await send(browser, 'rotate');
  assert.equal(rotated.headers.get('location'), `${PATH}?done=rotated`);
  assert.match(await textOf(await browser.get(`${PATH}?done=rotated`)), /The next keys sign now/);
  const again = await send(browser, 'rotate');
  assert.equal(again.status, 409);
  assert.match(await textOf(again), /The keys were not rotated/);

  await server.refreshKeys();
  const retired = before.find(({ status }) => status === 'active')?.kid ?? '';
  assert.ok((await publishedBy(server)).includes(retired));
  const rejected = await send(browser, 'retire', { kid: retired });
  assert.equal(rejected.headers.get('location'), `${PATH}?done=retired`);
  await server.refreshKeys();
  assert.equal((await publishedBy(server)).includes(retired), false);
  assert.equal((await read(browser, `${PATH}/retire`)).kids.includes(retired), false);
  assert.equal((await send(browser, 'retire', { kid: 'unknown' })).status, 404);

  const events = await server.database
    .knex('T_auth_audit_log')
    .whereIn('action', ['signing_key.rotated', 'signing_key.retired'])
    .pluck('actor_id');
  assert.deepEqual([...new Set(events)], [ada.id]);
});

test('an old sign-in and a scope for reading change no signing key', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:keys');
  const eve = await server.createAccount('eve', 'openid latchkey:keys');
  const before = await server.services.signingKeys.list();

  const reader = (await visit(server, eve, PATH)).browser;
  const tokens = {
    rotate: (await read(reader, `${PATH}/rotate`)).csrf,
    retire: (await read(reader, `${PATH}/retire`)).csrf,
  };
  const scopes = JSON.stringify(['openid', 'latchkey:keys.read']);
  await server.database.knex('T_accounts').where({ id: eve.id }).update({ scopes });
  const page = await read(reader, `${PATH}/rotate`);
  assert.deepEqual([page.csrf, page.kids], ['', []]);
  assert.match(page.html, /Signs next/);
  for (const [act, csrf] of Object.entries(tokens)) {
    const answer = await reader.post(`${PATH}/${act}`, { csrf, kid: before[0]?.kid ?? '' });
    assert.match(await textOf(answer), /You do not have access to this page/);
  }
  const stranger = await server.createAccount('mei', 'openid');
  assert.equal((await (await visit(server, stranger, '/account/security')).browser.get(PATH)).status, 403);

  const { browser } = await visit(server, ada, PATH);
  await age(server);
  const asked = await send(browser, 'rotate');
  assert.match(String(asked.headers.get('location')), /^\/auth\?.*max_age=300/);
  assert.deepEqual(await server.services.signingKeys.list(), before);
});
