import type { Knex } from 'knex';

const TABLE = 'T_sync_logs';
/** Rows of one INSERT: engines limit the bound values of a statement. */
const ROWS_PER_INSERT = 50;

type UseStatus = 'started' | 'completed' | 'failed' | 'cancelled';

/** A row of T_sync_logs, which `database/documentation/connections.ts` describes. */
export interface UseRow {
  id: string;
  created_at: Date;
  account_id: string;
  user_provider_id: string | null;
  provider: string;
  client_id: string | null;
  action_type: 'full_sync' | 'incremental_sync' | 'single_item_sync' | 'api_call' | 'token_handout';
  status: UseStatus;
  resource: string | null;
  data_size: number | null;
  items_processed: number | null;
  items_total: number | null;
  duration_ms: number | null;
  error_code: string | null;
  error_message: string | null;
  started_at: Date;
  completed_at: Date | null;
}

async function findExisting(knex: Knex, table: string, ids: (string | null)[]): Promise<Set<string>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  return new Set(wanted.length > 0 ? await knex(table).whereIn('id', wanted).pluck('id') : []);
}

/**
 * Adds or replaces rows. An account or a connection may be gone since it was used: its rows are dropped, or no longer name it.
 * @throws the error of the foreign key when one goes at this very moment; doing it again then succeeds
 */
async function putBatch(knex: Knex, rows: UseRow[]): Promise<void> {
  const ids = rows.map((row) => row.account_id);
  const accounts = await findExisting(knex, 'T_accounts', ids);
  const connectionIds = rows.map((row) => row.user_provider_id);
  const connections = await findExisting(knex, 'T_user_providers', connectionIds);
  const left = rows
    .filter((row) => accounts.has(row.account_id))
    .map((row) => {
      const user_provider_id = connections.has(row.user_provider_id ?? '') ? row.user_provider_id : null;
      return Object.assign({}, row, { user_provider_id });
    });
  if (left.length > 0) await knex(TABLE).insert(left).onConflict('id').merge();
}

/** Writes uses. A long one was written when it began, and its row is replaced when it ends. */
export async function putUses(knex: Knex, rows: UseRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_PER_INSERT)
    await putBatch(knex, rows.slice(from, from + ROWS_PER_INSERT));
}
