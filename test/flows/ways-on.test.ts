import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { signedIn, textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const linksOf = (html: string) =>
  [...html.matchAll(/<a [^>]*href="([^"]*)"[^>]*>(.*?)<\/a>/g)].map(([, href, text = '']) => [
    text.replaceAll(/<[^>]*>/g, ''),
    href?.replaceAll('&amp;', '&'),
  ]);

describe('a page where something ends has a way on', { concurrency: true }, () => {
  test('the front page leads to sign-in, and back to the front page', async (t) => {
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
      ['Your applications', '/'],
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
});
