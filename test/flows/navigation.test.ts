import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { Browser } from '../support/browser.ts';
import { visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

/** The links of a page's navigation; the current one is in brackets. */
function navigationOf(html: string): string[] {
  const [, nav = ''] = /<nav[^>]*>(.*?)<\/nav>/s.exec(html) ?? [];
  return [...nav.matchAll(/<a href="[^"]*"( aria-current="page")?>([^<]*)<\/a>/g)].map(
    ([, current, text = '']) => (current ? `[${text}]` : text),
  );
}

const SECTIONS: Record<string, string> = {
  '/': 'Home',
  '/account/security': 'Security',
  '/account/email': 'Security',
  '/account/applications': 'Applications',
  '/account/connections': 'Connections',
  '/account/requests': 'Requests',
  '/account/sessions': 'Sessions',
  '/account/activity': 'Activity',
  '/account/profile': 'Profile',
  '/account/data': 'Profile',
};
const LINKS = [
  'Home',
  'Security',
  'Applications',
  'Connections',
  'Requests',
  'Sessions',
  'Activity',
  'Profile',
  'Sign out…',
];

describe('the navigation', () => {
  test('is on every page of the account, marks where it is, and leads out', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { browser } = await visit(server, await server.createAccount(), '/account/security');
    for (const [path, section] of Object.entries(SECTIONS))
      assert.deepEqual(
        navigationOf(await (await browser.get(path)).text()),
        LINKS.map((link) => (link === section ? `[${link}]` : link)),
        path,
      );
  });

  test('leads to the console, and back, where the scopes allow it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const boss = await server.createAccount('boss', 'openid latchkey:invitations.read');
    const { browser } = await visit(server, boss, '/account/security');
    assert.ok(navigationOf(await (await browser.get('/')).text()).includes('Administration'));
    const console = await browser.follow(await browser.get('/admin'));
    assert.deepEqual(navigationOf(await console.text()), ['[Invitations]', 'Your account', 'Sign out…']);
  });

  test('has a link to every page of the account that is not a step of another one', () => {
    const pages = ROUTES.filter(({ path, afterSignIn }) => /^\/account\/\w+$/.test(path) && afterSignIn);
    const steps = ['/account/confirm', '/account/recover'];
    assert.deepEqual(
      pages.map(({ path }) => path).filter((path) => !steps.includes(path) && !(path in SECTIONS)),
      [],
    );
  });

  test('is not shown to a visitor, whom the home page leads to sign in or to an invitation', async (t) => {
    const server = await startServer(t, 'sqlite');
    const html = await (await new Browser(server.issuer).get('/')).text();
    assert.deepEqual(navigationOf(html), []);
    assert.match(html, /<a class="btn primary full" href="[^"]+">Sign in<\/a>/);
    assert.match(html, /href="\/invitation">I have an invitation/);
  });
});
