import type { Knex } from 'knex';

const TABLE = 'T_user_providers';

/** A connection as the reader of its data needs it. */
export interface SyncedConnection {
  id: string;
  accountId: string;
  service: string;
  isUsable: boolean;
  /** Where the next incremental read of each resource begins. */
  state: Record<string, string>;
}

export async function findSynced(knex: Knex, id: string): Promise<SyncedConnection | undefined> {
  const row = await knex(TABLE)
    .where({ id })
    .first('id', 'account_id', 'provider', 'is_active', 'sync_status', 'sync_state');
  return (
    row && {
      id: row.id,
      accountId: row.account_id,
      service: row.provider,
      isUsable: Boolean(row.is_active) && !['error', 'disabled'].includes(row.sync_status),
      state: row.sync_state ? JSON.parse(row.sync_state) : {},
    }
  );
}

export const listDueSyncs = (knex: Knex, limit: number, now = new Date()): Promise<string[]> =>
  knex(TABLE).where('sync_due_at', '<=', now).orderBy('sync_due_at').limit(limit).pluck('id');

/**
 * Claims a due connection, so that only one of several servers reads it.
 * @param next when it is due again
 * @returns whether this server has it
 */
export async function claimSync(
  knex: Knex,
  id: string,
  next: Date | null,
  now = new Date(),
): Promise<boolean> {
  const claimed = await knex(TABLE)
    .where({ id })
    .where('sync_due_at', '<=', now)
    .update({ sync_due_at: next });
  return claimed > 0;
}

export async function saveSync(knex: Knex, id: string, state: Record<string, string>): Promise<void> {
  await knex(TABLE)
    .where({ id })
    .update({ sync_state: JSON.stringify(state), last_sync_at: new Date() });
}
