import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Account } from './store.ts';

const isAdministrator = (scopes: string[]) => scopes.includes('*:*') || scopes.includes('latchkey:*');

/**
 * Locks every administrator until the transaction ends, always in the same order, so that when the last two
 * administrators close their accounts at the same time, the second sees that no other is left.
 * @returns the ids of those whose accounts are active and not closing
 */
async function lockAdministrators(trx: Knex.Transaction): Promise<string[]> {
  return trx('T_accounts')
    .where({ is_active: true })
    .whereNull('closing_at')
    .where((any) => any.where('scopes', 'like', '%"*:*"%').orWhere('scopes', 'like', '%"latchkey:*"%'))
    .orderBy('id')
    .forUpdate()
    .pluck('id');
}

/** Before an account closes itself. @throws LatchkeyError forbidden when nobody could administer the server afterwards */
export async function assertNotLastAdministrator(
  trx: Knex.Transaction,
  account: Pick<Account, 'id' | 'scopes'>,
): Promise<void> {
  if (!isAdministrator(account.scopes)) return;
  const administrators = await lockAdministrators(trx);
  if (administrators.every((id) => id === account.id))
    throw new LatchkeyError(
      'forbidden',
      'last_administrator',
      'You are the last administrator of this server. Make somebody else an administrator first. Nothing was changed.',
    );
}
