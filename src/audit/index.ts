import type { Knex } from 'knex';
import { unit } from '../database/unit-of-work.ts';
import type { Row } from '../database/writes.ts';
import { uuidv7 } from '../kit/ids.ts';

/** What happened, who did it, to whom. `details` must never hold a secret. */
export interface AuditEvent {
  action: string;
  success?: boolean;
  accountId?: string | null;
  actorId?: string | null;
  clientId?: string | null;
  target?: string | null;
  sessionUid?: string | null;
  errorCode?: string;
  errorMessage?: string;
  details?: Record<string, unknown>;
}

/** Who asks for a change: an account, or none for the operator at the command line. */
export interface Actor {
  accountId: string | null;
}

/** Where a request came from. */
export interface From {
  ip?: string;
  userAgent?: string;
}

const cut = (value: string | null | undefined, length: number) => value?.slice(0, length) ?? null;

function toRow(event: AuditEvent, from: From): Row {
  return {
    id: uuidv7(),
    created_at: new Date(),
    account_id: event.accountId ?? null,
    // Who acts for themselves need not be named twice; null is the operator.
    actor_id: event.actorId === undefined ? (event.accountId ?? null) : event.actorId,
    action: event.action,
    target: cut(event.target, 255),
    client_id: cut(event.clientId, 255),
    ip_address: cut(from.ip, 45),
    user_agent: cut(from.userAgent?.replaceAll('\0', ''), 512),
    session_uid: event.sessionUid ?? null,
    success: event.success ?? true,
    error_code: cut(event.errorCode, 64),
    error_message: cut(event.errorMessage, 512),
    details: event.details ? JSON.stringify(event.details) : null,
  };
}

/** Tells of it in the commit of the request under way. */
export function record(event: AuditEvent): void {
  const here = unit();
  here.write({ kind: 'insert', table: 'T_auth_audit_log', row: toRow(event, here.origin) });
}

/** Tells of it in the transaction of a service. */
export async function recordIn(trx: Knex.Transaction, event: AuditEvent, from: From = {}): Promise<void> {
  await trx('T_auth_audit_log').insert(toRow(event, from));
}
