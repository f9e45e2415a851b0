import type { Knex } from 'knex';

/**
 * Requests that nobody finished become `expired` as their time comes, a batch at a time.
 * @returns how many there were, at most 200
 */
export async function expireRequests(knex: Knex): Promise<number> {
  const due = await knex('T_authorization_requests')
    .select('id')
    .where('expires_at', '<=', new Date())
    .where({ status: 'pending' })
    .limit(200);
  if (due.length === 0) return 0;
  const ids = due.map(({ id }) => id);
  return knex('T_authorization_requests')
    .whereIn('id', ids)
    .where({ status: 'pending' })
    .update({ status: 'expired' });
}
