import type { Knex } from 'knex';
import { selectOne, sql } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_user_preferences';

export const THEMES = ['light', 'dark'] as const;

/** How an account wants its own pages. */
export interface Preferences {
  /** Undefined: as the browser is set. */
  theme?: (typeof THEMES)[number] | undefined;
}

const SELECT = selectOne({ columns: 'settings', from: TABLE, where: sql`account_id = ${'account_id'}` });

/** Reads the preferences of an account once per request. */
export async function findPreferences(accountId: string): Promise<Preferences> {
  const unit = currentUnit();
  return unit.readOnce(`${TABLE}:${accountId}`, async () => {
    const row = await unit.readOne(SELECT, { account_id: accountId });
    return row ? (JSON.parse(String(row.settings)) as Preferences) : {};
  });
}

/** The row of the account must be locked. */
export async function savePreferences(
  trx: Knex.Transaction,
  accountId: string,
  preferences: Preferences,
): Promise<void> {
  const settings = JSON.stringify(preferences);
  const now = new Date();
  const changed = await trx(TABLE).where({ account_id: accountId }).update({ settings, updated_at: now });
  if (changed === 0)
    await trx(TABLE).insert({ id: uuidv7(), created_at: now, account_id: accountId, settings });
}
