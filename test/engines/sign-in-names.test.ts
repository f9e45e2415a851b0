import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`the name at sign-in on ${engine}`, () => {
    test('is the username or the confirmed e-mail address, whatever its case and the spaces around it', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const { password } = await server.createAccount('ada');
      const signsIn = async (username: string) => {
        const end = await walk(new Browser(server.issuer), authorization(client), { username, password });
        return end.headers.has('location');
      };
      assert.equal(await signsIn(' ADA '), true);
      assert.equal(await signsIn('ada@harbour.example'), false, 'the address is not confirmed');
      await server.database.knex('T_accounts').update({ email_verified: true });
      assert.equal(await signsIn('ada@harbour.example'), true);
      assert.equal(await signsIn(' Ada@Harbour.example\t'), true);
      assert.equal(await signsIn('mei@harbour.example'), false);
    });

    test('of an old account, with an @, wins over the address of another account', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const { knex } = server.database;
      const { id, password } = await server.createAccount('old');
      const other = await server.createAccount('mei');
      await knex('T_accounts').where({ id: other.id }).update({ email_verified: true });
      await knex('T_accounts').where({ id }).update({ username: 'mei@harbour.example' });
      const person = { username: 'mei@harbour.example', password };
      const end = await walk(new Browser(server.issuer), authorization(client), person);
      assert.ok(end.headers.has('location'));
      const session = await knex('T_user_sessions').whereNotNull('account_id').first('account_id');
      assert.equal(session.account_id, id);
    });
  });
}
