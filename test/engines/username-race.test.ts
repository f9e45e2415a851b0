import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const ROUNDS = rounds(5);

for (const engine of engines) {
  describe(`a username that is given up and taken at the same time, on ${engine}`, () => {
    test('goes to nobody else', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      for (let round = 0; round < ROUNDS; round += 1) {
        const ada = await server.createAccount(`ada${round}`);
        await visit(server, ada, '/account/security');
        const { uid } = await knex('T_user_sessions').where({ account_id: ada.id }).first();
        const owner = { accountId: ada.id, sessionUid: uid, origin: {} };
        const [renamed, ...others] = await Promise.allSettled([
          server.services.accounts.own.changeUsername(owner, { username: `lovelace${round}` }),
          server.createAccount(`ada${round}`).catch(Promise.reject.bind(Promise)),
          server.createAccount(`ada${round}`).catch(Promise.reject.bind(Promise)),
        ]);
        assert.equal(renamed?.status, 'fulfilled');
        assert.deepEqual(
          others.map(({ status }) => status),
          ['rejected', 'rejected'],
        );
      }
    });

    test('of two accounts that want one username, one gets it', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const owners = [];
      for (const username of ['ada', 'eve']) {
        const account = await server.createAccount(username);
        await visit(server, account, '/account/security');
        const { uid } = await knex('T_user_sessions').where({ account_id: account.id }).first();
        owners.push({ accountId: account.id, sessionUid: uid, origin: {} });
      }
      const attempts = await Promise.allSettled(
        owners.map((owner) => server.services.accounts.own.changeUsername(owner, { username: 'lovelace' })),
      );
      assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
      const names = await knex('T_credentials').orderBy('username').pluck('username');
      assert.deepEqual(names, await knex('T_accounts').orderBy('username').pluck('username'));
    });
  });
}
