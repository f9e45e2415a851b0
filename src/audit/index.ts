import type { Knex } from 'knex';
import { insertInto } from '../database/statement-builders.ts';
import { setMarker } from '../database/transaction.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { uuidv7 } from '../kit/ids.ts';

/** One row of the audit log (T_auth_audit_log). `details` must never hold a secret: operators export this table. */
export interface AuditEvent {
  /**
   * Subject and past participle, such as `client.created`. `database/documentation/audit.ts` lists them all, and
   * `account/activity-sentences.ts` says those to users that are about their account.
   */
  action: string;
  /** True by default. */
  success?: boolean;
  /** The account that the event is about. */
  accountId?: string | null;
  /** The account that acted: null for the operator at the command line. By default, `accountId`. */
  actorId?: string | null;
  clientId?: string | null;
  target?: string | null;
  sessionUid?: string | null;
  errorCode?: string;
  errorMessage?: string;
  details?: Record<string, unknown>;
}

/** Whoever performs an action: an account, or null for the operator at the command line. */
export interface Actor {
  accountId: string | null;
}

/** Shortens a value to its column's length. Clients choose some of these values, and the INSERT must not fail. */
const cut = (value: string | null | undefined, length: number) => value?.slice(0, length) ?? null;

const INSERT_EVENT = insertInto('T_auth_audit_log', [
  'id',
  'created_at',
  'account_id',
  'actor_id',
  'action',
  'target',
  'client_id',
  'ip_address',
  'user_agent',
  'session_uid',
  'success',
  'error_code',
  'error_message',
  'details',
]);

function toRow(event: AuditEvent, origin: Origin) {
  return {
    id: uuidv7(),
    created_at: new Date(),
    account_id: event.accountId ?? null,
    actor_id: event.actorId === undefined ? (event.accountId ?? null) : event.actorId,
    action: event.action,
    target: cut(event.target, 255),
    client_id: cut(event.clientId, 255),
    ip_address: cut(origin.ip, 45),
    // PostgreSQL refuses NUL in a text column.
    user_agent: cut(origin.userAgent?.replaceAll('\0', ''), 512),
    session_uid: event.sessionUid ?? null,
    success: event.success ?? true,
    error_code: cut(event.errorCode, 64),
    error_message: cut(event.errorMessage, 512),
    details: event.details ? JSON.stringify(event.details) : null,
  };
}

/** Adds the event to the current unit of work: it is committed with the request's other writes, or not at all. */
export function recordEvent(event: AuditEvent): void {
  const current = currentUnit();
  current.write({ statement: INSERT_EVENT, values: toRow(event, current.origin) });
}

/** Adds the event to a service's transaction. @param origin of the request; empty at the command line */
export async function recordEventIn(
  trx: Knex.Transaction,
  event: AuditEvent,
  origin: Origin = {},
): Promise<void> {
  const row = toRow(event, origin);
  await trx('T_auth_audit_log').insert(row);
  setMarker(trx, { table: 'T_auth_audit_log', id: row.id });
}
