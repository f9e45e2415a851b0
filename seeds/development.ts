import type { Knex } from 'knex';
import { loadConfig } from '../src/config/index.ts';
import { createPasswordHashing, type PasswordHashing } from '../src/identity/passwords/hashing.ts';
import { LatchkeyError } from '../src/kit/errors.ts';
import { digest } from '../src/kit/ids.ts';
import { createSecrets } from '../src/kit/secrets.ts';

/** Fixed ids, so that the examples in the documentation work as printed. */
export const ACCOUNTS = [
  {
    id: '01930000-0000-7000-8000-000000000001',
    credentialId: '01930000-0000-7000-8000-000000000011',
    username: 'ada',
    email: 'ada@harbour.example',
    name: 'Ada',
    scopes: ['openid', 'profile', 'email', 'calendar:*'],
    password: 'a quiet harbour at dawn',
  },
  {
    id: '01930000-0000-7000-8000-000000000002',
    credentialId: '01930000-0000-7000-8000-000000000012',
    username: 'mei',
    email: 'mei@harbour.example',
    name: 'Mei',
    scopes: ['openid', 'profile'],
    password: 'seven boats on the tide',
  },
];

/** Only in the demo: `npm start` leads its user to become the first administrator. */
export const ADMINISTRATOR = {
  id: '01930000-0000-7000-8000-000000000003',
  credentialId: '01930000-0000-7000-8000-000000000013',
  username: 'ines',
  email: 'ines@harbour.example',
  name: 'Ines',
  scopes: ['openid', 'profile', 'email', '*:*'],
  password: 'the keys of the lighthouse',
};

/** For development only: anyone can read this secret here. */
export const APPLICATION = {
  id: '01930000-0000-7000-8000-000000000101',
  secretId: '01930000-0000-7000-8000-000000000111',
  name: 'Fieldnotes',
  secret: 'development-only-secret-of-fieldnotes-000000',
};

/**
 * Writes two accounts and an application. Running it again restores them.
 * @param home the application's origin: `http://localhost:4000`
 */
export async function seedDevelopment(
  knex: Knex,
  hashing: PasswordHashing,
  home: string,
  accounts: typeof ACCOUNTS = ACCOUNTS,
): Promise<void> {
  const created_at = new Date('2026-01-01T00:00:00Z');
  const put = (table: string, row: { id: string }) => knex(table).insert(row).onConflict('id').merge();
  for (const { id, credentialId, username, email, name, scopes, password } of accounts) {
    const account = { id, created_at, username, email, email_verified: true, name, auth_provider: 'native' };
    await put('T_accounts', { ...account, scopes: JSON.stringify(scopes), is_active: true } as never);
    const credential = { id: credentialId, created_at, account_id: id, username, failed_login_attempts: 0 };
    const known = await knex('T_credentials').where({ id: credentialId }).first('password_hash');
    const same = known && (await hashing.verify(password, known.password_hash));
    const password_hash = same ? known.password_hash : await hashing.hash(password);
    await put('T_credentials', { ...credential, password_hash } as never);
  }
  const metadata = {
    grant_types: ['authorization_code', 'refresh_token'],
    post_logout_redirect_uris: [`${home}/`],
    id_token_signed_response_alg: 'RS256',
    display_code: false,
  };
  const { id, secretId, name, secret } = APPLICATION;
  await put('T_oauth_clients', {
    id,
    created_at,
    client_id: id,
    client_name: name,
    client_type: 'confidential',
    redirect_uris: JSON.stringify([`${home}/callback`]),
    allowed_scopes: JSON.stringify(['openid', 'profile', 'email']),
    require_pkce: true,
    pkce: 'or-nonce',
    is_first_party: false,
    is_active: true,
    registered_via: 'admin',
    metadata: JSON.stringify(metadata),
  } as never);
  const row = {
    id: secretId,
    created_at,
    client_id: id,
    secret_hash: digest(secret),
    description: 'development',
    is_active: true,
  };
  await put('T_oauth_client_secrets', row as never);
}

/**
 * Called by `npm run seed` and by Knex's `seed:run`.
 * @throws LatchkeyError in production, because the passwords are public
 */
export async function seed(knex: Knex): Promise<void> {
  const { production, secrets } = loadConfig(process.env);
  if (production)
    throw new LatchkeyError(
      'conflict',
      'seeds_in_production',
      'Seeds are for development only: their passwords are public. Nothing was written.',
    );
  await seedDevelopment(knex, createPasswordHashing(createSecrets(secrets)), 'http://localhost:4000');
}
