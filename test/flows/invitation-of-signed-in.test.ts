import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { invite, OPERATOR, open, signUp, typeCode } from '../support/builders/invitation.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer } from '../support/server.ts';

describe('an invitation that meets another account', { concurrency: true }, () => {
  test('asks a signed-in person whether to use the account or to create another', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount('ada', 'openid profile');
    const browser = new Browser(server.issuer);
    await walk(browser, authorization(client), ada);
    const { code, id } = await invite(server, { scope: 'openid notes:read' });
    const { page } = await open(server, code, browser);
    assert.match(await textOf(page.clone()), /signed in as ada/);
    assert.deepEqual((await server.accounts.show('ada')).scopes, ['openid', 'profile']);
    const { action, fields } = await formOf(page.clone());
    const fresh = await browser.follow(await browser.post(action, { ...fields, decision: 'new' }));
    assert.match(await fresh.text(), /Choose a username/);
    await browser.follow(await browser.post(action, { ...fields, decision: 'add' }));
    assert.deepEqual((await server.accounts.show('ada')).scopes, ['openid', 'profile', 'notes:read']);
    const { redemptions } = await server.invitations.show(OPERATOR, id);
    assert.deepEqual(
      redemptions.map(({ username, scopes }) => [username, scopes]),
      [['ada', ['notes:read']]],
    );
  });

  test('is kept when somebody signs in to the account that they have, and asks who uses it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    const { code, id } = await invite(server, { scope: 'openid notes:read' });
    /** Opens the invitation on the way into an application, and signs in instead. */
    const signInInstead = async () => {
      const browser = new Browser(server.issuer);
      const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
      const link = /href="([^"]+\/invitation)"/.exec(await login.text())?.[1] ?? '';
      const offer = await typeCode(browser, await browser.get(link), code);
      const instead = /href="([^"]+)">I already have an account/.exec(await offer.text())?.[1] ?? '';
      const form = await formOf(await browser.get(instead));
      const typed = { ...form.fields, username: ada.username, password: PASSWORD };
      return { browser, page: await browser.follow(await browser.post(form.action, typed)) };
    };
    const uses = async () => (await server.database.knex('T_invitations').where({ id }).first('uses')).uses;

    const skipped = await signInInstead();
    assert.match(await skipped.page.clone().text(), /<h1>Who uses this invitation\?<\/h1>/);
    const { action, fields } = await formOf(skipped.page);
    const on = await skipped.browser.follow(
      await skipped.browser.post(action, { ...fields, decision: 'skip' }),
    );
    assert.match(await on.text(), /Allow/);
    assert.equal(await uses(), 0);

    const { browser, page } = await signInInstead();
    const question = await formOf(page);
    const added = await browser.post(question.action, { ...question.fields, decision: 'add' });
    assert.match(await (await browser.follow(added)).text(), /Allow/);
    assert.equal(await uses(), 1);
    assert.ok((await server.accounts.show(ada.username)).scopes.includes('notes:read'));
  });

  test('that was revoked in the meantime lets somebody who signed in go on', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { code, id } = await invite(server);
    const { browser, page: offer } = await open(server, code);
    const instead = /href="([^"]+)">I already have an account/.exec(await offer.text())?.[1] ?? '';
    const form = await formOf(await browser.get(instead));
    await server.invitations.revoke(OPERATOR, id);
    const typed = { ...form.fields, username: ada.username, password: PASSWORD };
    const page = await browser.follow(await browser.post(form.action, typed));
    assert.match(await page.clone().text(), /Continue as <bdi>ada<\/bdi> without it/);
    const csrf = (await formOf(page)).fields.csrf ?? '';
    const path = new URL(page.url).pathname;
    const on = await browser.follow(await browser.post(path, { csrf, decision: 'skip' }));
    assert.equal(new URL(on.url).pathname, '/account/security');
  });

  test('for a new account asks first before it signs out the other one', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount('ada', 'openid profile');
    const browser = new Browser(server.issuer);
    await walk(browser, authorization(client), ada);
    const { code } = await invite(server);
    const { page } = await open(server, code, browser);
    const { action, fields } = await formOf(page);
    const offer = await browser.follow(await browser.post(action, { ...fields, decision: 'new' }));
    const question = await browser.follow(await signUp(browser, offer, { username: 'mei' }));
    const next = await formOf(question);
    await browser.follow(await browser.post(next.action, next.fields));
    assert.match(await (await browser.get('/')).text(), /mei/);
  });
});
