import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

test('a server that lacks the secret of a password hash locks nobody out, however often the password is sent', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  const client = await server.createClient();
  const { knex } = server.database;
  const readHash = async () =>
    (await knex('T_credentials').where({ account_id: ada.id }).first()).password_hash;
  const signIn = async () => {
    const end = await walk(new Browser(server.issuer), authorization(client), ada);
    return /code=/.test(String(end.headers.get('location')));
  };
  const hash = await readHash();
  // As a server leaves it that has a newer secret already.
  await knex('T_credentials').update({ password_hash: hash.replace(/^[^:]+/, 'newer') });
  for (let times = 0; times < 12; times += 1) assert.equal(await signIn(), false);
  await knex('T_credentials').update({ password_hash: hash });
  assert.equal(await signIn(), true);
});
