import type { Knex } from 'knex';

const GIVEN = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

/**
 * Ends what was given in the account's name: sessions, sign-ins under way, codes and tokens. What the person has
 * allowed applications stays allowed: without a session or a token nobody makes anything of it.
 * @param kept the uid of a session that goes on
 */
export async function endGiven(trx: Knex.Transaction, accountId: string, kept?: string): Promise<void> {
  const sessions = trx('T_user_sessions').where({ account_id: accountId });
  if (kept !== undefined) sessions.whereNot({ uid: kept });
  await sessions.update({ is_active: false });
  // Whoever has proved the old password and not gone on yet would get a session by going on later.
  await trx('T_authorization_requests')
    .where({ account_id: accountId, status: 'pending' })
    .update({ status: 'expired' });
  for (const table of GIVEN) await trx(table).where({ account_id: accountId }).delete();
}

/** And what the person has allowed: for an account that is disabled. */
export async function endAll(trx: Knex.Transaction, accountId: string): Promise<void> {
  await endGiven(trx, accountId);
  await trx('T_grants')
    .where({ account_id: accountId })
    .whereNull('revoked_at')
    .update({ revoked_at: new Date() });
}
