import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPages } from '../../src/app/pages.ts';
import { toOwnPage } from '../../src/oidc/clients/own-client.ts';
import { findRoute, ROUTES } from '../../src/web/routes.ts';
import { startServer } from '../support/server.ts';

const listed = (servedBy: string) =>
  ROUTES.filter((route) => route.servedBy === servedBy).map(({ path }) => path);

test('the router of pages has exactly the paths that are listed, and takes POST only where a form is protected', async (t) => {
  const { config, services, provider } = await startServer(t, 'sqlite');
  const { stack } = createPages({ config, services, provider, showPage: () => {} });
  assert.deepEqual([...new Set(stack.map(({ path }) => String(path)))].sort(), listed('pages').sort());
  const unprotected = stack
    .filter(({ methods }) => methods.includes('POST'))
    .filter(({ path }) => findRoute(String(path).replaceAll(/:\w+/g, 'x'))?.form === 'none');
  assert.deepEqual(unprotected, []);
});

test('every endpoint of the discovery document is listed', async (t) => {
  const { issuer } = await startServer(t, 'sqlite');
  const document = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const paths = Object.entries(document as Record<string, unknown>)
    .filter(([name]) => /_(endpoint|uri)$/.test(name))
    .map(([, url]) => new URL(String(url)).pathname);
  assert.ok(paths.length >= 7);
  for (const path of paths) assert.equal(findRoute(path)?.servedBy, 'engine', path);
});

test('another spelling of a path finds the same route', () => {
  for (const [path, spelling] of [
    ['/token', '/Token/'],
    ['/session/end/confirm', '/SESSION/end/confirm'],
    ['/interaction/:uid/invitation', '/Interaction/aB-_9/invitation/'],
  ])
    assert.equal(findRoute(spelling ?? '')?.path, path);
  for (const path of ['', '//', '/account/../token', '/interaction/a.b', '/nothing'])
    assert.equal(findRoute(path), undefined, path);
});

test('sign-in continues to a page of the account or the console, and nowhere else', () => {
  for (const page of ['/account', '/account/security', '/admin/invitations/0198-ab'])
    assert.equal(toOwnPage(page), page);
  for (const other of [
    '//evil.example',
    'https://evil.example/account',
    '/account/nothing',
    '/code',
    '/token',
    7,
  ])
    assert.equal(toOwnPage(other), '/');
});
