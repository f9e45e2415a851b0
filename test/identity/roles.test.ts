import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signInWith } from '../support/builders/authorization.ts';
import { invite, OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('roles', { concurrency: true }, () => {
  test('are granted and withdrawn for all applications or for one, which alone gets them', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const [notes, files] = [await server.createClient(), await server.createClient({ name: 'Files' })];
    const { roles } = server.accounts;
    const rolesIn = async (client: typeof notes) => {
      const { tokens } = await signInWith(server, client, ada);
      const headers = { authorization: `Bearer ${tokens.body.access_token}` };
      const claims = (await (await fetch(`${server.issuer}/me`, { headers })).json()) as {
        roles?: string[];
      };
      return claims.roles;
    };
    const chief = { username: 'ada', role: 'chief', client_id: notes.client_id };
    await roles.grant(OPERATOR, { username: 'ADA', role: 'editor' });
    assert.deepEqual((await roles.grant(OPERATOR, chief)).roles, [
      { role: 'editor', client_id: null, client_name: null },
      { role: 'chief', client_id: notes.client_id, client_name: 'Fieldnotes' },
    ]);
    assert.deepEqual([await rolesIn(notes), await rolesIn(files)], [['editor', 'chief'], ['editor']]);

    const { username, role } = chief;
    const refused: [() => Promise<unknown>, RegExp][] = [
      [
        () => roles.withdraw(OPERATOR, { username, role }),
        /No role chief was granted to this account for every/,
      ],
      [() => roles.withdraw(OPERATOR, { username: 'nobody', role }), /no account with the username nobody/],
      [
        () => roles.grant(OPERATOR, { ...chief, client_id: 'none' }),
        /no application with the client_id none/,
      ],
      [() => roles.grant(OPERATOR, { username, role: 'two words' }), /one word/],
    ];
    for (const [change, says] of refused) await assert.rejects(change, says);
    await roles.withdraw(OPERATOR, { username, role: 'editor' });
    assert.deepEqual([await rolesIn(notes), await rolesIn(files)], [['chief'], []]);
    const log = await server.database
      .knex('T_auth_audit_log')
      .where('action', 'like', 'account.role%')
      .orderBy('id');
    assert.deepEqual(
      log.map(({ action, actor_id, account_id, details }) => [
        action,
        actor_id,
        account_id,
        JSON.parse(details),
      ]),
      [
        ['account.role_granted', null, ada.id, { role: 'editor' }],
        ['account.role_granted', null, ada.id, { role: 'chief', client_id: notes.client_id }],
        ['account.role_withdrawn', null, ada.id, { role: 'editor' }],
      ],
    );
  });

  test('and the invitation of an account are shown with it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { code, id } = await invite(server, { label: 'Mei', roles: ['editor'], scope: 'openid' });
    const { browser, page } = await open(server, code);
    await signUp(browser, page, { username: 'mei' });
    const { roles, invitations } = await server.accounts.show('mei');
    assert.deepEqual(roles, [{ role: 'editor', client_id: null, client_name: null }]);
    assert.ok(invitations[0]);
    const { redeemed_at, ...ledger } = invitations[0];
    assert.deepEqual(ledger, { id, label: 'Mei', invited_by: null, scopes: ['openid'], roles: ['editor'] });
    assert.ok(Date.now() - Date.parse(redeemed_at) < 600_000);
  });
});

for (const engine of engines) {
  describe(`roles on ${engine}`, { concurrency: true }, () => {
    test('granted many times at once are one role', async (t) => {
      const server = await startServer(t, engine);
      await server.createAccount();
      const { knex } = server.database;
      const { roles } = server.accounts;
      const given = { username: 'ada', role: 'editor' };
      await Promise.all(Array.from({ length: 8 }, () => roles.grant(OPERATOR, given)));
      assert.equal((await knex('T_account_roles')).length, 1);
      assert.equal((await knex('T_auth_audit_log').where({ action: 'account.role_granted' })).length, 1);
    });
  });
}

test('the command grants, withdraws and shows roles, and names an error in one line', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const { code, id } = await invite(server, { label: 'Mei', scope: 'openid' });
  const { browser, page } = await open(server, code);
  await signUp(browser, page, { username: 'mei' });
  const run = (...args: string[]) => latchkey(['account', ...args], { url: server.storage.url });
  assert.equal((await run('grant-role', 'MEI', '--role', 'editor')).code, 0);
  const granted = await run('grant-role', 'mei', '--role', 'chief', '--client', client.client_id, '--json');
  assert.equal(JSON.parse(granted.stdout).roles.length, 2);
  const { stdout } = await run('show', 'mei');
  assert.match(stdout, new RegExp(`editor chief@${client.client_id}`));
  assert.match(stdout, new RegExp(`invitations +${id} \\(from an operator, `));
  assert.equal((await run('withdraw-role', 'mei', '--role', 'editor')).code, 0);
  const refused = await run('withdraw-role', 'mei', '--role', 'editor');
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(
    refused.stderr,
    /^[^\n]*No role editor was granted to this account for every application\.[^\n]*add --client\.\n$/,
  );
  assert.equal((await run('grant-role', 'mei')).code, 2);
});
