import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { addMotion } from '../support/builders/person.ts';
import { startServer } from '../support/server.ts';
import { addGoogle, connectGoogle } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';

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

test('the connections of a hijacked account end at their service too, and those of a known owner stay', async (t) => {
  const google = await startGoogle(t);
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
  await addGoogle(server.services, google);
  const { connections } = server.services;
  const { browser, page } = await open(server, (await invite(server)).code);
  await browser.follow(await signUp(browser, page, { username: 'mallory', email: VICTIM }));
  const { id } = await server.accounts.show('mallory');
  await connectGoogle(connections, google, { id });
  await server.settled();
  const owner = await openLink(server, await resetLink(server, VICTIM, 1));
  await send(owner.browser, owner.page, { password: NEW_PASSWORD });
  await server.settled();
  assert.equal(google.counts.revocations, 1);
  assert.deepEqual(await connections.vault.list(id), []);

  await connectGoogle(connections, google, { id });
  // After the mail of the sign-up, the link and the notice of the new password.
  const again = await openLink(server, await resetLink(server, VICTIM, 3));
  await send(again.browser, again.page, { password: NEW_PASSWORD });
  await server.settled();
  assert.equal(google.counts.revocations, 1, 'the mailbox was known');
  assert.equal((await connections.vault.list(id)).length, 1);
});
