import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';

/** Writes an account's ceiling only if it is still the one that was read. @throws LatchkeyError conflict */
export async function replaceScopes(
  trx: Knex.Transaction,
  accountId: string,
  change: (scopes: string[]) => string[],
): Promise<{ before: string[]; after: string[] }> {
  const row = await trx('T_accounts').where({ id: accountId }).first('scopes');
  const before: string[] = row ? JSON.parse(row.scopes) : [];
  const after = change(before);
  const changed = await trx('T_accounts')
    .where({ id: accountId, scopes: row?.scopes ?? '' })
    .update({ scopes: JSON.stringify(after), updated_at: new Date() });
  if (changed !== 1)
    throw new LatchkeyError(
      'conflict',
      'account_changed_concurrently',
      'The account was changed meanwhile. Nothing was done: try again.',
    );
  return { before, after };
}

/**
 * Takes back what an invitation gave to those who came in by it: scopes and roles that it added, and the access
 * tokens under way. A refresh token then yields what the ceiling still lets through.
 * @returns their usernames
 */
export async function withdrawScopes(trx: Knex.Transaction, invitationId: string): Promise<string[]> {
  const redemptions = await trx('T_invitation_redemptions as r')
    .join('T_accounts as a', 'a.id', 'r.redeemed_by')
    .where('r.invitation_id', invitationId)
    .orderBy('a.id')
    .select('a.id', 'a.username', 'r.scopes', 'r.roles');
  for (const { id, scopes, roles } of redemptions) {
    const gone = new Set<string>(JSON.parse(scopes));
    await replaceScopes(trx, id, (held) => held.filter((scope) => !gone.has(scope)));
    await trx('T_account_roles')
      .where({ account_id: id })
      .whereNull('client_id')
      .whereIn('role', JSON.parse(roles))
      .delete();
    await trx('T_access_tokens').where({ account_id: id }).delete();
  }
  return redemptions.map(({ username }) => username);
}
