import type { Knex } from 'knex';
import { toDate } from '../database/instants.ts';

/** An event about an account, as its owner may read it. */
export interface AccountEvent {
  id: string;
  /** ISO 8601. */
  at: string;
  action: string;
  /** The account that acted; null for the operator. */
  actorId: string | null;
  clientId: string | null;
  /** Null when the application is gone. */
  clientName: string | null;
  ip: string | null;
  userAgent: string | null;
  errorCode: string | null;
  details: Record<string, unknown>;
}

export interface HistoryQuery {
  accountId: string;
  /** Only events with one of these actions. */
  actions: string[];
  /** The id of an event: only earlier ones. */
  before?: string | undefined;
  limit: number;
}

/** Reads what the audit log has about one account. */
export function createHistory(knex: Knex) {
  return {
    /** When an event with this action last happened to an account, ISO 8601; at most as many days ago. */
    async findLast(accountId: string, action: string, days: number): Promise<string | undefined> {
      const row = await knex('T_auth_audit_log')
        .where({ account_id: accountId, action })
        .where('created_at', '>', new Date(Date.now() - days * 86_400_000))
        .orderBy('id', 'desc')
        .first('created_at');
      return row && toDate(row.created_at).toISOString();
    },

    /**
     * One page of events, newest first. Ids are ordered by time, so that new events do not move the pages.
     * @returns `next`: the `before` of the next page; unset on the last one
     */
    async list({ accountId, actions, before, limit }: HistoryQuery): Promise<{
      events: AccountEvent[];
      next?: string;
    }> {
      const query = knex('T_auth_audit_log as l')
        .leftJoin('T_oauth_clients as c', 'c.client_id', 'l.client_id')
        .where('l.account_id', accountId)
        .whereIn('l.action', actions);
      if (before !== undefined) query.where('l.id', '<', before);
      const rows = await query
        .orderBy('l.id', 'desc')
        .limit(limit + 1)
        .select(
          ...['id', 'created_at', 'action', 'actor_id', 'client_id', 'ip_address', 'user_agent'].map(
            (column) => `l.${column}`,
          ),
          'l.error_code',
          'l.details',
          'c.client_name',
        );
      const page = rows.slice(0, limit);
      return {
        events: page.map((row) => ({
          id: row.id,
          at: toDate(row.created_at).toISOString(),
          action: row.action,
          actorId: row.actor_id,
          clientId: row.client_id,
          clientName: row.client_name,
          ip: row.ip_address,
          userAgent: row.user_agent,
          errorCode: row.error_code,
          details: row.details ? JSON.parse(row.details) : {},
        })),
        ...(rows.length > limit ? { next: page.at(-1)?.id } : {}),
      };
    },
  };
}

export type History = ReturnType<typeof createHistory>;
