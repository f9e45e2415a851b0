import type { Knex } from 'knex';
import { digest } from '../../kit/ids.ts';
import { forgetBrowsers } from '../passwords/trusted-browsers.ts';
import { voidLinks } from '../recovery/links.ts';

const GIVEN = [
  'T_authorization_codes',
  'T_access_tokens',
  'T_refresh_tokens',
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

export interface Kept {
  /** By uid. */
  session?: string;
  /** The sign-in at which this is asked for, by uid. */
  request?: string;
  /** A known browser, by id. */
  browser?: string;
}

/**
 * Ends what was given in the account's name: sessions, sign-ins under way, codes, tokens, links and known browsers. What the person has
 * allowed applications stays allowed: without a session or a token nobody makes anything of it.
 * @param kept what goes on all the same
 */
export async function endGiven(trx: Knex.Transaction, accountId: string, kept: Kept = {}): Promise<void> {
  const sessions = trx('T_user_sessions').where({ account_id: accountId });
  if (kept.session !== undefined) sessions.whereNot({ uid: kept.session });
  await sessions.update({ is_active: false });
  // Whoever has proved the old password and not gone on yet would get a session by going on later.
  const requests = trx('T_authorization_requests').where({ account_id: accountId, status: 'pending' });
  if (kept.request !== undefined) requests.whereNot({ uid_hash: digest(kept.request) });
  await requests.update({ status: 'expired' });
  for (const table of GIVEN) await trx(table).where({ account_id: accountId }).delete();
  await voidLinks(trx, accountId);
  await forgetBrowsers(trx, accountId, kept.browser);
}

/** And what the person has allowed: for an account that is disabled. */
export async function endAll(trx: Knex.Transaction, accountId: string): Promise<void> {
  await endGiven(trx, accountId);
  await trx('T_grants')
    .where({ account_id: accountId })
    .whereNull('revoked_at')
    .update({ revoked_at: new Date() });
}
