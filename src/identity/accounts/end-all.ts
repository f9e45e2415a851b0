import type { Knex } from 'knex';

/**
 * Ends everything that was given in the account's name: sessions, sign-ins under way, codes, tokens, grants.
 */
export async function endAll(trx: Knex.Transaction, accountId: string): Promise<void> {
  const now = new Date();
  await trx('T_user_sessions').where({ account_id: accountId }).update({ is_active: false });
  // Who proved the old password but has not gone on yet would get a session after this.
  await trx('T_authorization_requests')
    .where({ account_id: accountId, status: 'pending' })
    .update({ status: 'expired' });
  await trx('T_grants').where({ account_id: accountId }).whereNull('revoked_at').update({ revoked_at: now });
  for (const table of ['T_authorization_codes', 'T_access_tokens', 'T_refresh_tokens']) {
    await trx(table).where({ account_id: accountId }).delete();
  }
}
