import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Browser } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const PATH = '/admin/applications';
const detailsOf = (clientId: string) => `${PATH}/details?${new URLSearchParams({ client_id: clientId })}`;

/** Sends the form of an application's page. */
async function change(browser: Browser, clientId: string, act: string): Promise<Response> {
  const html = await (await browser.get(detailsOf(clientId))).text();
  const csrf = String(/name="csrf" value="([^"]+)"/.exec(html)?.[1]);
  return browser.post(`${PATH}/change`, { csrf, client_id: clientId, act });
}

test('the console lists applications, searches them, and shows one with the people who use it', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid profile latchkey:clients.read');
  const client = await server.createClient({ name: 'Fieldnotes', clientId: 'fieldnotes' });
  for (let number = 10; number < 38; number += 1) await server.createClient({ name: `Boat ${number}` });
  await server.clients.disable({ accountId: null }, 'fieldnotes');
  await server.clients.enable({ accountId: null }, 'fieldnotes');
  await signInWith(server, client, ada, { scope: 'openid profile' });
  await server.database.knex('T_oauth_clients').where({ client_name: 'Boat 10' }).update({
    registered_via: 'dynamic',
  });

  const { browser, page } = await visit(server, ada, PATH);
  const first = await textOf(page);
  assert.match(first, /29 applications .*Boat 10 Not checked .*Registered itself, today, .*Not used yet/);
  assert.doesNotMatch(first, /Fieldnotes/);
  const second = await textOf(await browser.get(`${PATH}?page=2`));
  assert.match(second, /Fieldnotes .*fieldnotes Registered by an administrator, today/);
  const found = await textOf(await browser.get(`${PATH}?search=FIELD`));
  assert.match(found, /1 application .*Fieldnotes/);
  assert.match(await textOf(await browser.get(`${PATH}?show=self`)), /1 application .*Boat 10/);
  assert.match(await textOf(await browser.get(`${PATH}?show=disabled`)), /No applications match/);

  const one = await (await browser.get(detailsOf('fieldnotes'))).text();
  assert.match(one, /<td class="wrap"><bdi>ada<\/bdi><\/td>.*openid profile/s);
  assert.doesNotMatch(one, /Disable application/, 'the scope is for reading');
  assert.doesNotMatch(one, /client_secret"|secret_hash/);
});

test('the console disables and enables an application in the name of the administrator', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:clients');
  const client = await server.createClient({ name: 'Fieldnotes' });
  const { browser } = await visit(server, ada, PATH);
  const disabled = await browser.follow(await change(browser, client.client_id, 'disable'));
  assert.match(await textOf(disabled), /The application is disabled\..*Disabled.*Enable application/);
  const list = await textOf(await browser.get(`${PATH}?show=disabled`));
  assert.match(list, /Fieldnotes Disabled/);
  assert.equal((await server.clients.show(client.client_id)).is_active, false);
  const enabled = await browser.follow(await change(browser, client.client_id, 'enable'));
  assert.match(await textOf(enabled), /The application is enabled/);
  const events = await server.database
    .knex('T_auth_audit_log')
    .whereIn('action', ['client.disabled', 'client.enabled'])
    .orderBy('id');
  assert.deepEqual(
    events.map(({ action, actor_id }) => [action, actor_id]),
    [
      ['client.disabled', ada.id],
      ['client.enabled', ada.id],
    ],
  );
});

test('the pages of applications refuse bad input, unknown applications and other accounts', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:clients');
  const eve = await server.createAccount('eve', 'openid latchkey:invitations');
  const { client_id } = await server.createClient();
  const { browser } = await visit(server, ada, PATH);
  for (const query of ['page=0', 'page=-1', 'page=1e9', 'page=x', 'show=none', `search=${'x'.repeat(300)}`])
    assert.equal((await browser.get(`${PATH}?${query}`)).status, 400, query);
  for (const clientId of ["' OR 1=1 --", 'x'.repeat(5000), 'latchkey', '<script>'])
    assert.equal((await browser.get(detailsOf(clientId))).status, 404, clientId.slice(0, 30));
  assert.equal((await browser.get(`${PATH}/details`)).headers.get('location'), PATH);
  assert.equal((await browser.get(`${PATH}?search=%3Cscript%3E`)).status, 200);

  const html = await (await browser.get(detailsOf(client_id))).text();
  const csrf = String(/name="csrf" value="([^"]+)"/.exec(html)?.[1]);
  assert.equal(
    (await browser.post(`${PATH}/change`, { csrf, client_id: 'nobody', act: 'disable' })).status,
    404,
  );
  assert.equal((await browser.post(`${PATH}/change`, { csrf, client_id })).status, 400, 'neither verb');
  const other = await visit(server, eve, '/account/security');
  for (const path of [PATH, detailsOf(client_id)])
    assert.equal((await other.browser.get(path)).status, 403, path);
  const sent = await other.browser.post(`${PATH}/change`, { csrf, client_id, act: 'disable' });
  assert.equal(sent.status, 403);
  assert.equal((await server.clients.show(client_id)).is_active, true);
});
