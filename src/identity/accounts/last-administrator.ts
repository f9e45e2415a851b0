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

const IS_ADMINISTRATOR = /"(\*|latchkey):\*"/;

const isUsable = ({ is_active, closing_at }: LockedAccount) => Boolean(is_active) && !closing_at;

const select = (trx: Knex.Transaction, filters: AccountFilter[]) =>
  filters.reduce((query, filter) => query.orWhere(filter), trx('T_accounts'));

const hasAdministratorScope = async (trx: Knex.Transaction, filters: AccountFilter[]): Promise<boolean> =>
  (await select(trx, filters).pluck('scopes')).some((scopes) => IS_ADMINISTRATOR.test(scopes));

/**
 * Locks these accounts, and every administrator, until the transaction ends, always in the same order: of two transactions
 * that would each take away one of the last two administrators, the second sees what the first did.
 */
const lockWithAdministrators = (trx: Knex.Transaction, filters: AccountFilter[]): Promise<LockedAccount[]> =>
  lock(select(trx, filters).orWhere('scopes', 'like', '%"*:*"%').orWhere('scopes', 'like', '%"latchkey:*"%'));

const lock = (accounts: Knex.QueryBuilder): Promise<LockedAccount[]> =>
  accounts.orderBy('id').forUpdate().select('id', 'scopes', 'is_active', 'closing_at');

const hasAdministrator = (accounts: LockedAccount[]) =>
  accounts.some((account) => isUsable(account) && IS_ADMINISTRATOR.test(account.scopes));

/**
 * Makes a change that may disable accounts, delete them or take scopes away. The operator at the command line, who can make
 * another administrator there, may take away the last one.
 * @param filters select the accounts that change; none: no account does
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
  // Looking for the other administrators reads every account, so it is done only if one may be lost.
  const mayBeLast = filters.length > 0 && (await hasAdministratorScope(trx, filters));
  const involved = [{ id: actorId }, ...filters];
  const before = await (mayBeLast ? lockWithAdministrators(trx, involved) : lock(select(trx, involved)));
  if (!before.some((account) => account.id === actorId && isUsable(account))) throw signedOutConcurrently();
  const result = await change();
  if (mayBeLast && hasAdministrator(before) && !hasAdministrator(await lockWithAdministrators(trx, [])))
    throw new LatchkeyError(
      'forbidden',
      'last_administrator',
      'This is the last administrator of this server. Make somebody else an administrator first. Nothing was changed.',
    );
  return result;
}
