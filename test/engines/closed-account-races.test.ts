import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const PATH = '/account/data';

for (const engine of engines) {
  describe(`closed accounts on ${engine}`, () => {
    test('of two administrators who close their accounts at the same time at two servers, one stays', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const { knex } = one.database;
      for (let round = 0; round < rounds(3); round += 1) {
        await knex('T_accounts').update({ is_active: false });
        const owners = [];
        for (const name of [`a${round}`, `b${round}`]) {
          const account = await one.createAccount(name, 'openid latchkey:*');
          await visit(one, account, PATH);
          const { uid } = await knex('T_user_sessions').where({ account_id: account.id }).first('uid');
          owners.push({ accountId: account.id, sessionUid: String(uid), origin: {} });
        }
        const ends = await Promise.allSettled(
          owners.map((owner, index) => (index ? one : two).services.accounts.closing.close(owner)),
        );
        assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
        const lost = ends.find((end) => end.status === 'rejected');
        assert.match(String((lost as PromiseRejectedResult).reason), /last administrator/);
      }
    });

    test('are deleted once by two servers, and one archive is made', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const { knex } = one.database;
      const ada = await one.createAccount('ada');
      await visit(one, ada, PATH);
      const { uid } = await knex('T_user_sessions').where({ account_id: ada.id }).first('uid');
      await one.services.accountData.requestArchive({ accountId: ada.id, sessionUid: uid, origin: {} });
      const made = await Promise.all([one, two].map(({ services }) => services.accountData.makeArchives()));
      assert.equal(
        made.reduce((sum, count) => sum + count),
        1,
      );
      assert.ok(await two.services.accountData.read(ada.id));
      await knex('T_accounts')
        .where({ id: ada.id })
        .update({ closing_at: new Date(Date.now() - 1000) });
      const deleted = await Promise.all(
        [one, two].map(({ services }) => services.accounts.closing.deleteClosed()),
      );
      assert.equal(
        deleted.reduce((sum, count) => sum + count),
        1,
      );
      assert.deepEqual(await knex('T_accounts').where({ id: ada.id }), []);
    });
  });
}
