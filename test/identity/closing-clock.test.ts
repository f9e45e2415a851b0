import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClosing } from '../../src/identity/accounts/closing.ts';
import { openWorld } from '../support/world.ts';

test('no account is deleted by a server whose clock differs from the database', async (t) => {
  const { database, createAccount } = await openWorld(t, 'sqlite');
  const { knex } = database;
  const ada = await createAccount();
  await knex('T_accounts').update({ closing_at: new Date(Date.now() - 1000) });
  let fault: string | undefined = 'ahead';
  const closing = createClosing({
    knex,
    signOutEverywhere: async () => assert.fail(),
    notify: () => assert.fail(),
    removeAllConnections: async () => ({ revoke: () => undefined }),
    findClockFault: async () => fault,
  });
  assert.equal(await closing.deleteClosed(), 0);
  fault = undefined;
  assert.equal(await closing.deleteClosed(), 1);
  assert.deepEqual(await knex('T_accounts').where({ id: ada.id }), []);
});
