import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines)
  test(`revoking an invitation with its access takes that access, and nothing else, on ${engine}`, async (t) => {
    const server = await startServer(t, engine);
    const roles = ['editor'];
    const { code, id } = await invite(server, { scope: 'openid notes:read', roles, maxUses: 2 });
    const { browser, page } = await open(server, code);
    await signUp(browser, page, { username: 'mei' });
    const { knex } = server.database;
    await knex('T_accounts').update({ scopes: '["openid","notes:read","files:read"]' });
    const { withdrawn_from, state } = await server.invitations.revoke(OPERATOR, id, { withdraw: true });
    assert.deepEqual([withdrawn_from, state], [['mei'], 'revoked']);
    assert.deepEqual((await server.accounts.show('mei')).scopes, ['files:read']);
    assert.equal((await knex('T_account_roles')).length, 0);
  });
