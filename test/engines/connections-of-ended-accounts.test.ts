import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockAccount } from '../../src/identity/accounts/store.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { addGoogle } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';

const VICTIM = 'mei@harbour.example';

/** An account whose creator connects a service at the moment in which the account ends. */
async function prepare(t: TestContext, engine: EngineName) {
  const google = await startGoogle(t);
  const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
  await addGoogle(server.services, google);
  const { vault } = server.services.connections;
  const { browser, page } = await open(server, (await invite(server)).code);
  await browser.follow(await signUp(browser, page, { username: 'mallory', email: VICTIM }));
  const { id } = await server.accounts.show('mallory');
  await server.settled();

  /** Runs `end` while a connection is about to be stored. Whatever of it follows the lock of the account waits. */
  async function connectDuring(end: () => Promise<unknown>): Promise<void> {
    const issued = google.grant();
    const tokens = {
      accessToken: issued.access_token,
      refreshToken: issued.refresh_token,
      tokenType: 'Bearer',
    };
    let ended: Promise<unknown> | undefined;
    await vault.save(
      { accountId: id, service: 'google', identity: { id: 'mallory' }, accessLevel: 'read', tokens },
      {
        async prepare(trx) {
          await lockAccount(trx, { id });
          ended ??= end();
          await sleep(300);
        },
      },
    );
    await ended;
    await server.settled();
  }
  return { server, google, id, vault, connectDuring };
}

for (const engine of engines)
  describe(`a connection made in the moment of its end is revoked at its service, on ${engine}`, () => {
    test('when the owner of the address takes the account over', async (t) => {
      const { server, google, id, vault, connectDuring } = await prepare(t, engine);
      const owner = await openLink(server, await resetLink(server, VICTIM, 1));
      await connectDuring(() => send(owner.browser, owner.page, { password: NEW_PASSWORD }));
      assert.deepEqual(await vault.list(id), []);
      assert.equal(google.counts.revocations, 1);
    });

    test('when the account is deleted', async (t) => {
      const { server, google, id, vault, connectDuring } = await prepare(t, engine);
      await connectDuring(() => server.services.accounts.delete(OPERATOR, 'mallory'));
      assert.deepEqual(await vault.list(id), []);
      assert.equal(google.counts.revocations, 1);
    });
  });
