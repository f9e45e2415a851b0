import sharp from 'sharp';
import { uuidv7 } from '../../../src/kit/ids.ts';
import { Authenticator } from '../authenticator.ts';
import type { TestServer } from '../server.ts';
import { accountPlace, newcomer, register } from './passkey.ts';

/** The service Motion, at which people connect an account by an API key. */
export const addMotion = ({ services }: TestServer) =>
  services.connections.services.add({ accountId: null }, { name: 'motion', change: {} });

/** An account with something of everything that a form can change; `addMotion` comes first. */
export async function createPerson(server: TestServer, username: string, scope: string) {
  const { database, createAccount, createClient } = server;
  const { knex } = database;
  const person = await newcomer(server, username);
  const key = new Authenticator(server.issuer);
  await register(person.browser, await accountPlace(server, person.id), key);
  const { id: other } = await createAccount(`${username}.2`);
  const credential = { id: person.id, account_id: person.id, username };
  await knex('T_credentials').where({ account_id: other }).update(credential);
  const session = await knex('T_user_sessions').where({ account_id: person.id }).first();
  const elsewhere = { id: uuidv7(), uid: `uid-${username}`, token_hash: `hash-${username}` };
  await knex('T_user_sessions').insert({ ...session, ...elsewhere });
  const { client_id } = await createClient({ clientId: `notes-of-${username}` });
  const now = new Date();
  const consent = {
    id: uuidv7(),
    created_at: now,
    last_used_at: now,
    scope: 'openid connections:motion.read',
    claims: '',
  };
  await knex('T_consents').insert({ ...consent, account_id: person.id, client_id });
  // With details that no format can make small.
  const noise = { type: 'gaussian', mean: 128, sigma: 80 } as const;
  const upload = await sharp({ create: { width: 512, height: 512, channels: 3, background: '#000', noise } })
    .png()
    .toBuffer();
  const owner = { accountId: person.id, sessionUid: session.uid, origin: {} };
  await server.services.accounts.pictures.setPicture(owner, upload);
  await server.services.connections.vault.save({
    accountId: person.id,
    service: 'motion',
    identity: { id: `motion-of-${username}` },
    accessLevel: 'read',
    tokens: { accessToken: `key-of-${username}`, tokenType: 'Bearer' },
  });
  await knex('T_user_providers').where({ account_id: person.id }).update({ may_sign_in: true });
  await knex('T_accounts')
    .where({ id: person.id })
    .update({ scopes: JSON.stringify(scope.split(' ')) });
  return person;
}
