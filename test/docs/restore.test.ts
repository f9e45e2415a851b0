import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { authorization, authorizeUrl, call, refresh, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { startServer } from '../support/server.ts';

/** The statements that the page on databases has for a restored backup. */
function statementsForRestore(): string[] {
  const page = readFileSync(projectPath('docs/operate/database.md'), 'utf8');
  const [, block = ''] = /## Restore a backup[\s\S]*?```sql\n([\s\S]*?)```/.exec(page) ?? [];
  return block.split(';\n').filter((statement) => statement.trim() !== '');
}

for (const engine of engines)
  describe(`the documented statements for a restored backup on ${engine}`, () => {
    test('end every session, token and invitation that came back', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const account = await server.createAccount();
      const { browser, tokens } = await signInWith(server, client, account);
      const [invitation] = await server.invitations.create({ accountId: null }, {}, 1);
      const { body: pushed } = await call(server, client, '/request', authorization(client).params);
      const { knex } = server.database;
      await fill(server.database, 'T_security_notices', {
        id: uuidv7(),
        account_id: account.id,
        key_id: null,
      });
      await fill(server.database, 'T_known_browsers', { id: uuidv7(), account_id: account.id });
      const statements = statementsForRestore();
      assert.ok(statements.length >= 13);
      for (const statement of statements) await knex.raw(statement);

      assert.equal((await refresh(server, client, tokens.body.refresh_token ?? '')).status, 400);
      const bearer = { authorization: `Bearer ${tokens.body.access_token}` };
      assert.equal((await fetch(`${server.issuer}/me`, { headers: bearer })).status, 401);
      const silent = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
      assert.match(silent.headers.get('location') ?? '', /error=login_required/);
      const query = new URLSearchParams({
        client_id: client.client_id,
        request_uri: String(pushed.request_uri),
      });
      assert.equal((await browser.get(`/auth?${query}`)).status, 400, 'a pushed request is gone');
      const { state } = await server.invitations.show({ accountId: null }, String(invitation?.id));
      assert.equal(state, 'revoked');
      for (const table of ['T_security_notices', 'T_known_browsers'])
        assert.deepEqual(await knex(table), [], table);
    });
  });
