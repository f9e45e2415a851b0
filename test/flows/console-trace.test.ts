import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const PATH = '/admin/trace';

test('the console says why an application did not connect, filters, and goes on page by page', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:audit');
  const tide = await server.createClient({ name: 'Tide <b>Tables</b>' });
  const notes = await server.createClient({ name: 'Fieldnotes' });
  const wrong = { redirect_uri: 'https://tide.example/other?secret=1' };
  for (let count = 0; count < 2; count += 1)
    await new Browser(server.issuer).get(authorizeUrl(authorization(tide, wrong)));
  await signInWith(server, notes, await server.createAccount('mei'));
  await server.services.traces.write();

  const { browser } = await visit(server, ada, PATH);
  const html = await (await browser.get(PATH)).text();
  assert.match(html, /Tide &lt;b&gt;Tables/);
  assert.doesNotMatch(html, /secret=1/);
  const page = await textOf(await browser.get(PATH));
  assert.match(page, /did not connect, at authorize/);
  assert.match(page, /registered: https:\/\/fieldnotes\.example\/cb/);
  assert.match(page, /Fieldnotes connected/);

  const filtered = await textOf(await browser.get(`${PATH}?show=stopped&client=${tide.client_id}`));
  assert.doesNotMatch(filtered, /Fieldnotes connected/);
  assert.match(await textOf(await browser.get(`${PATH}?account=mei`)), /Fieldnotes connected/);
  assert.match(await textOf(await browser.get(`${PATH}?account=nobody`)), /no attempts of this kind/);
  const { stories, next } = await server.services.traces.list({ limit: 1 });
  assert.ok(stories.length === 1 && next);
  assert.match(await textOf(await browser.get(`${PATH}?after=${next}`)), /Latest attempts/);
});

test('the page of attempts needs its scope, and refuses a filter that cannot be', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid latchkey:keys');
  const refused = await visit(server, ada, PATH);
  assert.equal((await refused.browser.get(PATH)).status, 403);
  const mei = await server.createAccount('mei', 'openid latchkey:audit');
  const { browser } = await visit(server, mei, PATH);
  for (const query of ['show=x', 'after=x', `client=${'x'.repeat(256)}`, 'show=all&show=all'])
    assert.equal((await browser.get(`${PATH}?${query}`)).status, 400, query);
  assert.equal((await browser.post(PATH, {})).status, 405);
});
