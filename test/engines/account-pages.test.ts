import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`the pages of an account on ${engine}`, () => {
    test('list its sessions, its applications and its activity', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const client = await server.createClient();
      await signInWith(server, client, ada, { scope: 'openid profile offline_access' });
      const { browser } = await visit(server, ada, '/account/sessions');
      const year = new Date().getUTCFullYear();
      assert.match(
        await textOf(await browser.get('/account/sessions')),
        /This browser .*Signed in today, .* Last active today, /,
      );
      assert.match(
        await textOf(await browser.get('/account/applications')),
        /Fieldnotes .*Allowed today, .* Last used today, .*Works while/,
      );
      const activity = await textOf(await browser.get('/account/activity'));
      assert.match(activity, new RegExp(`${year} You signed in with your password .*You allowed Fieldnotes`));
      assert.match(
        await textOf(await browser.get('/account/activity?show=security')),
        /Your account was created/,
      );
    });
  });
}
