import type { Knex } from 'knex';
import type { Actor } from '../../audit/index.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { signedOutConcurrently } from './sign-out-everywhere.ts';
import type { AccountFilter } from './store.ts';

interface LockedAccount {
  id: string;
  scopes: string;
  is_active: boolean | number;
  closing_at: unknown;
}

const isUsable = ({ is_active, closing_at }: LockedAccount) => Boolean(is_active) && !closing_at;

/**
 * Locks every administrator, and these accounts, until the transaction ends, always in the same order: of two transactions
 * that would each take away one of the last two administrators, the second sees what the first did.
 */
const lockAccounts = (trx: Knex.Transaction, filters: AccountFilter[]): Promise<LockedAccount[]> =>
  filters
    .reduce((query, filter) => query.orWhere(filter), trx('T_accounts'))
    .orWhere('scopes', 'like', '%"*:*"%')
    .orWhere('scopes', 'like', '%"latchkey:*"%')
    .orderBy('id')
    .forUpdate()
    .select('id', 'scopes', 'is_active', 'closing_at');

const hasAdministrator = (accounts: LockedAccount[]) =>
  accounts.some((account) => isUsable(account) && /"(\*|latchkey):\*"/.test(account.scopes));

/**
 * Makes a change that may disable accounts, delete them or take scopes away. The operator at the command line, who can make
 * another administrator there, may take away the last one.
 * @param filters select these accounts
 * @throws LatchkeyError unauthenticated when the actor's own account has been disabled, closed or deleted; forbidden when
 *   nobody could administer the server afterwards
 */
export async function keepAdministrator<T>(
  trx: Knex.Transaction,
  { accountId: actorId }: Actor,
  filters: AccountFilter[],
  change: () => Promise<T>,
): Promise<T> {
  if (actorId === null) return change();
  const before = await lockAccounts(trx, [{ id: actorId }, ...filters]);
  if (!before.some((account) => account.id === actorId && isUsable(account))) throw signedOutConcurrently();
  const result = await change();
  if (hasAdministrator(before) && !hasAdministrator(await lockAccounts(trx, [])))
    throw new LatchkeyError(
      'forbidden',
      'last_administrator',
      'This is the last administrator of this server. Make somebody else an administrator first. Nothing was changed.',
    );
  return result;
}
