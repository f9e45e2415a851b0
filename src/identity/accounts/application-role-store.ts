import type { Knex } from 'knex';
import { uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_account_roles';

/** A role of an account: in one application, or in all of them when `client_id` is null. */
export interface AccountRole {
  role: string;
  client_id: string | null;
  client_name: string | null;
}

/** The roles of an account, oldest first. */
export function listRoles(source: Knex, accountId: string): Promise<AccountRole[]> {
  return source(`${TABLE} as r`)
    .leftJoin('T_oauth_clients as c', 'c.id', 'r.client_id')
    .where('r.account_id', accountId)
    .orderBy('r.id')
    .select('r.role', 'c.client_id', 'c.client_name');
}

/** The roles that an account has in all applications. */
export function listGlobalRoles(source: Knex, accountId: string): Promise<string[]> {
  return source(TABLE).where({ account_id: accountId }).whereNull('client_id').pluck('role');
}

/** Adds roles that apply in all applications. @returns those that the account did not have */
export async function insertGlobalRoles(
  trx: Knex.Transaction,
  accountId: string,
  roles: string[],
): Promise<string[]> {
  if (roles.length === 0) return [];
  const existing = await listGlobalRoles(trx, accountId);
  const added = roles.filter((role) => !existing.includes(role));
  const created_at = new Date();
  const rows = added.map((role) => ({
    id: uuidv7(),
    created_at,
    account_id: accountId,
    client_id: null,
    role,
  }));
  if (rows.length > 0) await trx(TABLE).insert(rows);
  return added;
}

export async function deleteGlobalRoles(
  trx: Knex.Transaction,
  accountId: string,
  roles: string[],
): Promise<void> {
  await trx(TABLE).where({ account_id: accountId }).whereNull('client_id').whereIn('role', roles).delete();
}

/** One role of one account. `client_id` is the id of the application's row, or null for all applications. */
export interface RoleKey {
  account_id: string;
  client_id: string | null;
  role: string;
}

/** @returns whether the account did not have it */
export async function insertRole(trx: Knex.Transaction, key: RoleKey): Promise<boolean> {
  if (await trx(TABLE).where(key).first('id')) return false;
  await trx(TABLE).insert({ id: uuidv7(), created_at: new Date(), ...key });
  return true;
}

/** @returns whether the account had it */
export async function deleteRole(trx: Knex.Transaction, key: RoleKey): Promise<boolean> {
  return (await trx(TABLE).where(key).delete()) > 0;
}
