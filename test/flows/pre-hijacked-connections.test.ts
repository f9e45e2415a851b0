import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { addMotion } from '../support/builders/person.ts';
import { startServer } from '../support/server.ts';

const VICTIM = 'mei@harbour.example';

test('the owner of an address who takes over an account has no connection that somebody else made', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { browser, page } = await open(server, (await invite(server)).code);
  await browser.follow(await signUp(browser, page, { username: 'mallory', email: VICTIM }));
  const { id } = await server.accounts.show('mallory');
  await addMotion(server);
  const { vault } = server.services.connections;
  await vault.save({
    accountId: id,
    service: 'motion',
    identity: { id: 'mallory' },
    accessLevel: 'write',
    tokens: { accessToken: 'her key', tokenType: 'Bearer' },
  });
  await server.settled();
  const owner = await openLink(server, await resetLink(server, VICTIM, 1));
  await send(owner.browser, owner.page, { password: NEW_PASSWORD });
  assert.deepEqual(await vault.list(id), []);
  assert.deepEqual(await server.database.knex('T_oauth_tokens'), [], 'the credential');
  const { details } = await server.database
    .knex('T_auth_audit_log')
    .where({ action: 'account.taken_over' })
    .first();
  assert.equal(JSON.parse(details).connections, 1);
});
