import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';

/** A use of a connection, as its owner reads it. */
export interface ConnectionUse {
  /** Undefined once the connection is gone. */
  connectionId: string | undefined;
  /** Undefined: Latchkey itself. */
  clientId: string | undefined;
  clientName: string | undefined;
  /** `api_call`, or a kind of sync. */
  action: string;
  /** Method and path, or what was read. */
  resource: string | undefined;
  status: string;
  at: string;
}

/** The latest uses of an account's connections to a service, the last first. */
export async function listUses(
  knex: Knex,
  { accountId, service, limit }: { accountId: string; service: string; limit: number },
): Promise<ConnectionUse[]> {
  const rows = await knex('T_sync_logs as l')
    .leftJoin('T_oauth_clients as c', 'c.client_id', 'l.client_id')
    .where({ 'l.account_id': accountId, 'l.provider': service })
    .orderBy('l.id', 'desc')
    .limit(limit)
    .select(
      'l.user_provider_id',
      'l.client_id',
      'c.client_name',
      'l.action_type',
      'l.resource',
      'l.status',
      'l.started_at',
    );
  return rows.map((row) => ({
    connectionId: row.user_provider_id ?? undefined,
    clientId: row.client_id ?? undefined,
    clientName: row.client_name ?? undefined,
    action: row.action_type,
    resource: row.resource ?? undefined,
    status: row.status,
    at: toDate(row.started_at).toISOString(),
  }));
}
