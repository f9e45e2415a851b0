import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newcomer } from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

for (const engine of engines) {
  describe(`the last way in on ${engine}`, () => {
    test('stays when password and passkey are removed at the same time at two servers', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const { knex } = one.database;
      for (let round = 0; round < rounds(4); round += 1) {
        const { id: accountId } = await newcomer(one, `p${round}`);
        const { uid: sessionUid } = await knex('T_user_sessions')
          .where({ account_id: accountId })
          .first('uid');
        const owner = { accountId, sessionUid, origin: {} };
        await one.services.passwords.own.add(owner, 'seven boats on the tide');
        const [key] = await one.services.passkeys.credentials.list(accountId);
        const removals = [
          () => one.services.passwords.own.remove(owner),
          () => two.services.passkeys.credentials.remove(accountId, String(key?.id), accountId),
        ];
        if (round % 2 === 1) removals.reverse();
        const ends = await Promise.allSettled(removals.map((remove) => remove()));
        assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
        const keys = await one.services.passkeys.credentials.listSigned(accountId);
        const passwords = await knex('T_credentials').where({ account_id: accountId });
        assert.equal(keys.length + passwords.length, 1);
      }
    });
  });
}
