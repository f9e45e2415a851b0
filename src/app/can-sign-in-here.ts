import type { Knex } from 'knex';
import { listSignedKinds } from '../identity/passkeys/store.ts';
import { hasPassword } from '../identity/passwords/store.ts';

/** Whether a password or a passkey signs the account in, which no other service can take away. */
export const canSignInHere = async (source: Knex, accountId: string): Promise<boolean> =>
  (await hasPassword(source, accountId)) || (await listSignedKinds(source, accountId)).includes('passkey');
