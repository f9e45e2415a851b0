import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const NOT_CHECKED = /have not checked this application\. Anyone could have chosen its name\./;

test('pages that show the name of an application say when nobody has checked it', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const redirect_uris = ['https://fieldnotes.example/cb'];
  const description = { ...DESCRIPTION, client_name: 'Fieldnotes', redirect_uris };
  const { body: unchecked } = await register(server, description);
  const { token } = await server.services.registrationTokens.create({ accountId: null }, {});
  const { body: vetted } = await register(server, description, token);
  const registered = await server.createClient({ name: 'Fieldnotes' });
  for (const [client, isMarked] of [
    [unchecked, true],
    [vetted, false],
    [registered, false],
  ] as const) {
    const browser = new Browser(server.issuer);
    const open = async (params: Record<string, string>) =>
      textOf(
        await browser.follow(
          await browser.get(authorizeUrl(authorization(client, { scope: 'openid', ...params }))),
        ),
      );
    const signIn = await open({});
    assert.match(signIn, /Sign in to Fieldnotes/);
    assert.equal(NOT_CHECKED.test(signIn), isMarked, signIn);
    await walk(browser, authorization(client, { scope: 'openid' }), ada);
    const choice = await open({ prompt: 'select_account' });
    assert.match(choice, /Continue to Fieldnotes/);
    assert.equal(NOT_CHECKED.test(choice), isMarked, choice);
    const applications = await textOf((await visit(server, ada, '/account/applications')).page);
    assert.match(applications, /Fieldnotes/);
    assert.equal(NOT_CHECKED.test(applications.split('Take back access')[0] ?? ''), isMarked, applications);
    const signOut = await textOf(await browser.get(`/session/end?client_id=${client.client_id}`));
    assert.match(signOut, /Fieldnotes asked to sign you out/);
    assert.equal(NOT_CHECKED.test(signOut), isMarked, signOut);
    // Anyone can make this link.
    const done = await textOf(await browser.get(`/session/end/success?client_id=${client.client_id}`));
    assert.match(done, /You are signed out of Fieldnotes/);
    assert.equal(NOT_CHECKED.test(done), isMarked, done);
  }
});
