import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROUTES, spell } from '../../src/web/routes.ts';
import { Browser } from '../support/browser.ts';
import { shareServer } from '../support/shared-server.ts';

const fill = (path: string) => path.replace(/:\w+/g, 'A-b_9').replace('*', 'Files/X');

describe('a path in other letters', () => {
  const shared = shareServer();

  test('is spelled as its route, and what names something stays', () => {
    for (const { path } of ROUTES) assert.equal(spell(fill(path)), fill(path));
    assert.equal(spell('/ADMIN/Invitations/Ab/Revoke'), '/admin/invitations/Ab/revoke');
    assert.equal(spell('/Admin/'), '/admin/');
    assert.equal(spell('/Nothing/Here'), '/Nothing/Here');
  });

  test('is redirected, or not found, on every route', async () => {
    const browser = new Browser(shared.server.issuer);
    const served: string[] = [];
    for (const { path } of ROUTES.filter(({ path }) => /[a-z]/.test(path.replace(/:\w+/g, '')))) {
      const other = path.toUpperCase().replace(/:\w+/g, 'A-b_9').replace('*', 'Files/X');
      const got = await browser.get(`${other}?x=Y`);
      if (got.status !== 303 || got.headers.get('location') !== `${fill(path)}?x=Y`)
        served.push(`GET ${other}`);
      if ((await browser.post(other, {})).status !== 404) served.push(`POST ${other}`);
    }
    assert.deepEqual(served, []);
  });
});
