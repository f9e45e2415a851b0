import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const OPERATOR = { accountId: null };

for (const engine of engines) {
  describe(`the last administrator on ${engine}`, () => {
    test('stays when the last two take each other away at the same time at two servers', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const { knex } = one.database;
      type Act = (server: typeof one, from: { id: string }, to: { id: string; username: string }) => unknown;
      const disable: Act = (server, { id }, to) => server.accounts.disable({ accountId: id }, { id: to.id });
      const acts: Record<string, Act> = {
        disable,
        delete: (server, { id }, { username }) => server.accounts.delete({ accountId: id }, username),
        update: (server, { id }, { username }) =>
          server.accounts.update({ accountId: id }, username, { scope: 'openid' }),
        close: async (server, { id }) => {
          const { uid } = await knex('T_user_sessions').where({ account_id: id }).first('uid');
          await server.accounts.closing.close({ accountId: id, sessionUid: String(uid), origin: {} });
        },
      };
      for (const [name, act] of Object.entries(acts))
        for (let round = 0; round < rounds(2); round += 1) {
          await knex('T_accounts').update({ is_active: false });
          const ada = await one.createAccount(`ada.${name}${round}`, '*:*');
          const bea = await one.createAccount(`bea.${name}${round}`, 'openid latchkey:*');
          for (const account of [ada, bea]) await visit(one, account, '/account/data');
          const ends = await Promise.allSettled([act(one, ada, bea), disable(two, bea, ada)]);
          // An account that is closing can be disabled, too.
          if (name !== 'close')
            assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'], name);
          const left = await knex('T_accounts')
            .where({ is_active: true, closing_at: null })
            .where('scopes', 'like', '%:*"%');
          assert.equal(left.length, 1, name);
        }
    });

    test('keeps what an invitation gave, unless the operator takes it', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const ada = await server.createAccount('ada', '*:*');
      const mei = await server.createAccount('mei', 'openid latchkey:*');
      const [invitation] = await server.invitations.create({ accountId: ada.id }, { scope: 'latchkey:*' });
      const id = invitation?.id ?? '';
      await knex('T_invitation_redemptions').insert({
        id: mei.id,
        created_at: new Date(),
        invitation_id: id,
        redeemed_by: mei.id,
        scopes: '["latchkey:*"]',
        roles: '[]',
        redeemed_at: new Date(),
      });
      await server.accounts.update(OPERATOR, 'ada', { scope: 'openid latchkey:invitations' });
      const revoke = (accountId: string | null) =>
        server.invitations.revoke({ accountId }, id, { withdraw: true });
      await assert.rejects(revoke(mei.id), { code: 'last_administrator' });
      await assert.rejects(revoke(ada.id), { code: 'grant_beyond_own_scopes' });
      assert.equal((await knex('T_invitations').where({ id }).first()).revoked_at, null);
      await server.accounts.disable(OPERATOR, 'ada');
      await assert.rejects(revoke(ada.id), { kind: 'forbidden' });
      assert.deepEqual((await revoke(null)).withdrawn_from, ['mei']);
    });
  });
}
