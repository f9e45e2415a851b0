import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { signedIn, textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const linksOf = (html: string) =>
  [...html.matchAll(/<a [^>]*href="([^"]*)"[^>]*>(.*?)<\/a>/g)].map(([, href, text = '']) => [
    text.replaceAll(/<[^>]*>/g, ''),
    href?.replaceAll('&amp;', '&'),
  ]);

describe('a page where something ends has a way on', { concurrency: true }, () => {
  test('the home page leads to sign-in, and back to the home page', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = new Browser(server.issuer);
    const html = await (await browser.get('/')).text();
    const links = new Map(linksOf(html).map(([text, href]) => [text, href]));
    assert.equal(links.get('I have an invitation'), '/invitation');
    const person = await server.createAccount('front');
    const { page } = await visit(server, person, links.get('Sign in') ?? '', browser);
    assert.equal(new URL(page.url).pathname, '/');
    assert.match(await textOf(page), /You are signed in as front/);
  });

  test('an account without access is led to a sign-in with another one', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('small', 'openid');
    const { browser, page } = await visit(server, person, '/admin/invitations');
    assert.equal(page.status, 403);
    const [, url = ''] =
      linksOf(await page.text()).find(([text]) => /another account/.test(text ?? '')) ?? [];
    const choice = await browser.follow(await browser.get(url));
    assert.match(await textOf(choice), /Which account do you want to use\?/);
  });

  test('the pages after signing out and after staying lead on', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'leaving');
    const stay = await formOf(await browser.get('/session/end'));
    const stayed = await browser.follow(await browser.post(stay.action, stay.fields));
    assert.deepEqual(linksOf(await stayed.text()).slice(1), [
      ['Home', '/'],
      ['Your account', '/account/security'],
    ]);
    const leave = await formOf(await browser.get('/session/end'));
    const left = await browser.follow(await browser.post(leave.action, { ...leave.fields, logout: 'yes' }));
    assert.deepEqual(linksOf(await left.text()).slice(1), [['Sign in', '/']]);
  });

  test('every page of the console leads to signing out', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'boss');
    for (const path of ['/admin/invitations', '/admin/invitations/new'])
      assert.match(await (await browser.get(path)).text(), /<a href="\/session\/end">Sign out…<\/a>/);
  });

  test('the home page names the applications that open in a browser', async (t) => {
    const server = await startServer(t, 'sqlite');
    const home = 'https://ferry.example/start';
    const redirectUris = ['https://api.ferry.example/cb'];
    await server.createClient({ name: 'Ferry', clientUri: home, redirectUris });
    await server.createClient({ name: 'Boats', redirectUris: ['https://boats.example/cb'] });
    await server.createClient({ name: 'A program', public: true, redirectUris: ['http://127.0.0.1/cb'] });
    await server.createClient({ name: 'A robot', redirectUris: [], grantTypes: ['client_credentials'] });
    const gone = await server.createClient({ name: 'Gone' });
    await server.clients.disable({ accountId: null }, gone.client_id);
    assert.doesNotMatch(await textOf(await new Browser(server.issuer).get('/')), /Ferry/);
    const browser = await signedIn(server, 'ada', 'openid');
    const html = await (await browser.get('/')).text();
    assert.deepEqual(linksOf(html.slice(html.indexOf('<main'))), [
      ['Boats', 'https://boats.example/'],
      ['Ferry', home],
    ]);
    assert.doesNotMatch(await textOf(await browser.get('/')), /program|robot|Gone/);
  });

  test('the home page shows the logos of applications, which run nothing when they are opened', async (t) => {
    const server = await startServer(t, 'sqlite');
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    const logoUri = `data:image/svg+xml;base64,${btoa(svg)}`;
    await server.createClient({ name: 'Ferry', clientId: 'the.ferry', logoUri });
    await server.createClient({ name: 'Boats', clientId: 'boats' });
    const browser = await signedIn(server, 'ada', 'openid');
    const html = await (await browser.get('/')).text();
    const sources = [...html.matchAll(/<img[^>]* src="([^"]+)"/g)].map(([, src]) => src);
    assert.deepEqual(sources, ['/logo?client_id=the.ferry']);
    const logo = await browser.get('/logo?client_id=the.ferry');
    assert.deepEqual([await logo.text(), logo.headers.get('content-type')], [svg, 'image/svg+xml']);
    assert.match(String(logo.headers.get('content-security-policy')), /^default-src 'none';.*sandbox$/);
    assert.equal(logo.headers.get('x-content-type-options'), 'nosniff');
    for (const query of ['', '?client_id=boats', '?client_id=nobody', '?client_id=a&client_id=b'])
      assert.equal((await browser.get(`/logo${query}`)).status, 404, query);
  });

  test('a sign-up ends with a word that the account is ready, and with the next step', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code } = await invite(server, { label: 'Mei Lin', scope: 'openid notes:* notes:read' });
    const { browser, page } = await open(server, code);
    const offer = await page.clone().text();
    assert.match(offer, /id="name"[^>]* value="Mei Lin"/);
    assert.match(offer, /<li>Full use of notes<\/li><li>Reading notes<\/li>/);
    const crew = await server.invitations.create(OPERATOR, { scope: 'openid', label: 'The crew' }, 2);
    const { page: other } = await open(server, crew[0]?.code ?? '');
    assert.match(await other.text(), /id="name"[^>]* value=""/, 'the note of a batch is nobody’s name');
    const person = { username: 'mei', email: 'mei@x.example' };
    const security = await browser.follow(await signUp(browser, page, person));
    const words = await textOf(security);
    assert.match(words, /Your account is ready\. Open the link that we sent to mei@x\.example/);
    assert.match(words, /Go to your applications/);
    assert.match(words, /Send the link again/);
    const again = await (await browser.get('/account/email')).text();
    assert.match(again, /value="mei@x\.example"/);
    assert.match(again, /Send link again/);
  });

  test('an account without a password is not offered what works only after one', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada', 'openid');
    assert.match(await textOf(await browser.get('/account/security')), /Authenticator app/);
    await server.database.knex('T_credentials').delete();
    const words = await textOf(await browser.get('/account/security'));
    assert.match(words, /Passkeys/);
    assert.doesNotMatch(words, /Authenticator app|Security keys/);
  });
});
