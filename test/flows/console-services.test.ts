import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, test } from 'node:test';
import type { Browser } from '../support/browser.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const PATH = '/admin/services';
const SECRET = 'canary-of-the-form';

/** Serves the metadata of an issuer. */
async function startIssuer(t: { after(work: () => void): void }, issuerOf = (url: string) => url) {
  const server = createServer((req, res) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (req.url !== '/.well-known/openid-configuration') return void res.writeHead(404).end();
    res.setHeader('content-type', 'application/json');
    const endpoints = { authorization_endpoint: `${url}/auth`, token_endpoint: `${url}/token` };
    res.end(JSON.stringify({ issuer: issuerOf(url), ...endpoints, scopes_supported: ['openid', 'email'] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the services of the console', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  let browser: Browser;
  let adaId: string;

  before(async () => {
    const ada = await shared.server.createAccount('ada', 'openid latchkey:connections');
    adaId = ada.id;
    browser = (await visit(shared.server, ada, PATH)).browser;
  });

  const services = () => shared.server.services.connections.services;

  /** Sends the form with that action from the page where it stands. */
  async function send(page: string, fields: Record<string, string>, action = page, as = browser) {
    const html = await (await as.get(page)).text();
    const [, csrf = ''] =
      new RegExp(`action="${action}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(html) ?? [];
    return as.post(action, { csrf, ...fields });
  }

  test('add Google with a client, and show the redirect URI to register before and after', async () => {
    assert.match(await textOf(await browser.get(PATH)), /No services yet/);
    const form = await (await browser.get(`${PATH}/new/google`)).text();
    assert.match(form.replaceAll('<wbr>', ''), /\/connections\/google\/callback</);
    assert.match(
      form,
      /value="openid email profile https:\/\/www\.googleapis\.com\/auth\/calendar\.readonly/,
    );
    const fields = { client_id: 'abc.apps.example', client_secret: SECRET, scope: 'openid email' };
    const added = await send(`${PATH}/new/google`, fields);
    assert.equal(added.headers.get('location'), `${PATH}/google?done=added`);
    const page = await (await browser.get(`${PATH}/google?done=added`)).text();
    assert.match(page, /The service was added/);
    assert.ok(!page.includes(SECRET));
    const found = await services().find('google');
    assert.deepEqual([found?.clientSecret, found?.scopes], [SECRET, ['openid', 'email']]);
    assert.match(await textOf(await browser.get(`${PATH}/new`)), /Added already ?: Google/);
    const event = await shared.server.database
      .knex('T_auth_audit_log')
      .where({ action: 'service.added' })
      .first();
    assert.deepEqual([event.actor_id, event.target], [adaId, 'google']);
  });

  test('add Motion with one press', async () => {
    const added = await send(`${PATH}/new/motion`, {});
    assert.equal(added.headers.get('location'), `${PATH}/motion?done=added`);
    assert.equal((await services().show('motion')).settings.apiKey?.header, 'X-API-Key');
    assert.match(
      await textOf(await send(`${PATH}/new/motion`, {})),
      /There is a service with this name already/,
    );
  });

  test('add a service whose issuer publishes its metadata, and refuse one that speaks for another issuer', async (t) => {
    const issuer = await startIssuer(t);
    const fields = {
      name: 'harbour-git',
      display_name: 'Harbour Git',
      client_id: 'latchkey',
      client_secret: SECRET,
    };
    const added = await send(`${PATH}/new/other`, { ...fields, issuer, api_base_urls: `${issuer}/api` });
    assert.equal(added.headers.get('location'), `${PATH}/harbour-git?done=added`);
    const { token_endpoint, api_base_urls, scopes } = await services().show('harbour-git');
    assert.deepEqual(
      [token_endpoint, api_base_urls, scopes],
      [`${issuer}/token`, [`${issuer}/api/`], ['openid', 'email']],
    );
    const liar = await startIssuer(t, () => 'https://accounts.google.com');
    const refused = await send(`${PATH}/new/other`, { ...fields, name: 'liar', issuer: liar });
    assert.equal(refused.status, 400);
    assert.match(await textOf(refused), /it is about another issuer/);
    await assert.rejects(services().show('liar'), { code: 'service_not_found' });
  });

  test('name the field at fault, keep what was typed but not the secret, and add nothing', async () => {
    const fields = {
      name: 'Bad Name',
      issuer: 'javascript:alert(1)',
      client_id: 'typed',
      client_secret: SECRET,
    };
    const refused = await send(`${PATH}/new/other`, fields);
    const html = await refused.text();
    assert.equal(refused.status, 400);
    assert.match(html, /<a href="#issuer">The issuer begins with https/);
    const again = await send(`${PATH}/new/other`, { ...fields, issuer: '' });
    assert.match(
      await again.text(),
      /<a href="#name">A name has 1 to 64 characters.*<a href="#issuer">The issuer is no URL/s,
    );
    assert.match(html, /value="typed"/);
    assert.ok(!html.includes(SECRET));
    const empty = await send(`${PATH}/new/github`, { client_id: '', client_secret: '' });
    assert.match(await empty.text(), /<a href="#client_id">Enter the client id/);
    await assert.rejects(services().show('github'), { code: 'service_not_found' });
    assert.equal((await browser.get(`${PATH}/new/constructor`)).status, 404);
  });

  test('change a service, whose secret stays unless there is a new one', async () => {
    const page = `${PATH}/google`;
    const fields = { display_name: 'Google of the harbour', client_id: 'new', scope: 'openid', calls: '60' };
    const changed = await send(page, { ...fields, client_secret: '', sign_in: 'yes' });
    assert.equal(changed.headers.get('location'), `${page}?done=changed`);
    const { display_name, client_id, settings, has_client_secret } = await services().show('google');
    assert.deepEqual(
      [display_name, client_id, settings.rateLimit, settings.maySignIn, has_client_secret],
      ['Google of the harbour', 'new', { requests: 60, seconds: 60 }, true, true],
    );
    await send(page, { ...fields, calls: '' });
    const after = await services().show('google');
    assert.equal(after.settings.rateLimit, undefined);
    assert.equal(after.settings.maySignIn, undefined);
    const refused = await send(page, { ...fields, calls: 'many', display_name: '' });
    assert.match(await refused.text(), /href="#display_name">Enter a name.*href="#calls">A rate limit/s);
    const { knex } = shared.server.database;
    const events = await knex('T_auth_audit_log').where({ action: 'service.updated' }).pluck('actor_id');
    assert.deepEqual(events, [adaId, adaId]);
  });

  test('switch a service off and on', async () => {
    const page = `${PATH}/motion`;
    const off = await send(page, { state: 'off' }, `${page}/state`);
    assert.equal(off.headers.get('location'), `${page}?done=off`);
    assert.equal((await services().show('motion')).is_active, false);
    assert.match(await textOf(await browser.get(`${page}?done=off`)), /The service is switched off/);
    await send(page, { state: 'on' }, `${page}/state`);
    assert.equal((await services().show('motion')).is_active, true);
  });

  test('are only read with latchkey:connections.read, and closed without it', async () => {
    const { server } = shared;
    const eve = await server.createAccount('eve', 'openid latchkey:connections');
    const reader = (await visit(server, eve, `${PATH}/google`)).browser;
    const html = await (await reader.get(`${PATH}/motion`)).text();
    const [, csrf = ''] = /state">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(html) ?? [];
    const give = (scopes: string[]) =>
      server.database
        .knex('T_accounts')
        .where({ id: eve.id })
        .update({ scopes: JSON.stringify(scopes) });
    await give(['openid', 'latchkey:connections.read']);
    assert.doesNotMatch(await (await reader.get(`${PATH}/motion`)).text(), /<form/);
    assert.equal((await reader.get(`${PATH}/new/google`)).status, 403);
    assert.equal((await reader.post(`${PATH}/motion/state`, { csrf, state: 'off' })).status, 403);
    assert.equal((await services().show('motion')).is_active, true);
    await give(['openid', 'latchkey:keys']);
    assert.equal((await reader.get(PATH)).status, 403);
  });
});
