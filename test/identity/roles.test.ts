import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRoles } from '../../src/identity/accounts/roles.ts';
import { latchkey } from '../support/cli.ts';
import { engines } from '../support/engines.ts';
import { invite, OPERATOR, open, signUp } from '../support/newcomer.ts';
import { signInWith } from '../support/relying-party.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`roles on ${engine}`, { concurrency: true }, () => {
    test('are granted and withdrawn everywhere or in one application, and told to that one alone', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const [notes, files] = [await server.createClient(), await server.createClient({ name: 'Files' })];
      const run = (...args: string[]) => latchkey(['account', ...args], { url: server.storage.url });
      const told = async (client: typeof notes) => {
        const { tokens } = await signInWith(server, client, ada);
        const headers = { authorization: `Bearer ${tokens.body.access_token}` };
        const claims = (await (await fetch(`${server.issuer}/me`, { headers })).json()) as {
          roles?: string[];
        };
        return claims.roles;
      };
      assert.equal((await run('grant-role', 'ADA', '--role', 'editor')).code, 0);
      const granted = await run(
        'grant-role',
        'ada',
        '--role',
        'chief',
        '--client',
        notes.client_id,
        '--json',
      );
      assert.deepEqual(JSON.parse(granted.stdout).roles, [
        { role: 'editor', client_id: null, client_name: null },
        { role: 'chief', client_id: notes.client_id, client_name: 'Fieldnotes' },
      ]);
      assert.match((await run('show', 'ada')).stdout, new RegExp(`editor chief@${notes.client_id}`));
      assert.deepEqual([await told(notes), await told(files)], [['editor', 'chief'], ['editor']]);

      const refused: [string[], RegExp][] = [
        [['withdraw-role', 'ada', '--role', 'chief'], /does not have the role chief in every application/],
        [['withdraw-role', 'nobody', '--role', 'chief'], /no account with the username nobody/],
        [['grant-role', 'ada', '--role', 'x', '--client', 'none'], /no application with the client_id none/],
        [['grant-role', 'ada', '--role', 'two words'], /one word/],
      ];
      for (const [args, says] of refused) {
        const { code, stdout, stderr } = await run(...args);
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, says);
      }
      assert.equal((await run('grant-role', 'ada')).code, 2);
      assert.equal((await run('withdraw-role', 'ada', '--role', 'editor')).code, 0);
      assert.deepEqual([await told(notes), await told(files)], [['chief'], []]);
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

    test('granted by many at once is one role', async (t) => {
      const server = await startServer(t, engine);
      await server.createAccount();
      const { knex } = server.database;
      const roles = createRoles({ knex });
      const given = { username: 'ada', role: 'editor' };
      await Promise.all(Array.from({ length: 8 }, () => roles.grant(OPERATOR, given)));
      assert.equal((await knex('T_account_roles')).length, 1);
      assert.equal((await knex('T_auth_audit_log').where({ action: 'account.role_granted' })).length, 1);
    });

    test('and the invitation by which an account came stand in what the command shows of it', async (t) => {
      const server = await startServer(t, engine);
      const { code, id } = await invite(server, { label: 'Mei', roles: ['editor'], scope: 'openid' });
      const { browser, page } = await open(server, code);
      await signUp(browser, page, { username: 'mei' });
      const { stdout } = await latchkey(['account', 'show', 'mei', '--json'], { url: server.storage.url });
      const { roles, invitations } = JSON.parse(stdout);
      assert.deepEqual(roles, [{ role: 'editor', client_id: null, client_name: null }]);
      const [{ redeemed_at, ...ledger }] = invitations;
      assert.deepEqual(ledger, { id, label: 'Mei', invited_by: null, scopes: ['openid'], roles: ['editor'] });
      assert.ok(Date.now() - Date.parse(redeemed_at) < 600_000);
      const plain = await latchkey(['account', 'show', 'mei'], { url: server.storage.url });
      assert.match(plain.stdout, new RegExp(`came_by +${id} \\(of an operator, `));
    });
  });
}
