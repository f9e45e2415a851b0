import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signedIn, textOf } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

/** Names of members that every object has. */
const INHERITED = ['__proto__', 'constructor', 'toString', '__defineGetter__', 'hasOwnProperty'];

describe('a name in a request that is a member of every object', () => {
  test('is no notice, and no purpose of a sign-in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    for (const path of ['/account/security', '/account/sessions', '/account/profile'])
      for (const name of INHERITED) {
        const page = await browser.get(`${path}?done=${name}`);
        assert.equal(page.status, 200);
        assert.doesNotMatch(await textOf(page), /undefined|native code|\[object/, `${path} ${name}`);
      }
  });

  test('is no action of a form', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const html = await (await browser.get('/account/security')).text();
    const [, csrf = ''] = /action="\/account\/security\/keys">\s*<input[^>]*value="([^"]+)"/.exec(html) ?? [];
    assert.ok(csrf);
    for (const act of INHERITED) {
      const answer = await browser.post('/account/security/keys', { csrf, act, key: '' });
      assert.equal(answer.status, 400, act);
      assert.match(await answer.text(), /Choose Rename or Remove/);
    }
  });
});
