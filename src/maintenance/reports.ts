import { purgedTables, type Retention, retentionRules } from '../config/retention.ts';
import { descriptions } from '../database/documentation/index.ts';
import { withoutDeadline } from '../database/knex-deadline.ts';
import type { Database } from '../database/open.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type Cell, purgeCondition, type Sql, selectRows } from './dialect.ts';
import { LIVE_TOKENS } from './live-tokens.ts';

/** A query over the tables. docs/DATABASE.md prints both members as they are here. */
export interface Report {
  /** What the rows are; begins in lower case, without a full stop. */
  description: string;
  sql: Sql;
}

const countAllRows = Object.keys(descriptions)
  .map((table) => `SELECT '${table}' AS table_name, COUNT(*) AS row_count FROM ${table}`)
  .join('\nUNION ALL ');

/** Counts the rows of each table that the purge would delete. */
const countPurgeableRows = (retention: Retention) =>
  purgedTables
    .map((table) => {
      const rules = retentionRules.filter((rule) => rule.table === table);
      const where = rules.map((rule) => purgeCondition(rule, retention)).join(' OR ');
      return `SELECT '${table}' AS table_name, COUNT(*) AS row_count FROM ${table} WHERE ${where}`;
    })
    .join('\nUNION ALL ');

/** The monitoring queries, by the names that `latchkey db report` accepts. */
export const reports = (retention: Retention = {}): Record<string, Report> => ({
  locked: {
    description:
      'accounts whose password is locked, until when, and after how many failed attempts. They can still sign in from a trusted browser',
    sql: `SELECT a.username, a.email, c.locked_until, c.failed_login_attempts
FROM T_accounts a JOIN T_credentials c ON a.id = c.account_id
WHERE c.locked_until > CURRENT_TIMESTAMP
ORDER BY a.username`,
  },
  requests: {
    description: 'authorization requests by application and outcome',
    sql: `SELECT client_id, status, COUNT(*) AS requests
FROM T_authorization_requests
GROUP BY client_id, status
ORDER BY client_id, status`,
  },
  'sign-ins': {
    description: 'sign-ins of the last 30 days by day and outcome',
    sql: `SELECT SUBSTR(CAST(created_at AS CHAR(30)), 1, 10) AS day,
  CASE WHEN success = true THEN 'succeeded' ELSE error_code END AS outcome, COUNT(*) AS sign_ins
FROM T_auth_audit_log
WHERE action IN ('sign_in.succeeded', 'sign_in.failed') AND created_at > {30 days ago}
GROUP BY day, outcome
ORDER BY day, outcome`,
  },
  invitations: {
    description: 'invitations by state, without the set-up link',
    sql: `SELECT CASE
    WHEN i.revoked_at IS NOT NULL THEN 'revoked'
    WHEN i.by_operator = false AND (a.id IS NULL OR a.is_active = false) THEN 'revoked'
    WHEN i.uses >= i.max_uses THEN 'used'
    WHEN i.expires_at <= CURRENT_TIMESTAMP THEN 'expired'
    ELSE 'waiting' END AS invitation_state, COUNT(*) AS invitations
FROM T_invitations i LEFT JOIN T_accounts a ON a.id = i.created_by
WHERE i.id <> '00000000-0000-7000-8000-000000000001'
GROUP BY invitation_state
ORDER BY invitation_state`,
  },
  arrivals: {
    description: 'accounts that used an invitation, latest first',
    sql: `SELECT r.redeemed_at, i.id AS invitation, i.label, i.email AS invited_email, a.username, r.ip_address
FROM T_invitation_redemptions r
JOIN T_invitations i ON i.id = r.invitation_id
LEFT JOIN T_accounts a ON a.id = r.redeemed_by
ORDER BY r.redeemed_at DESC`,
  },
  'keys-unsigned': {
    description:
      'passkeys and security keys that wait for confirmation by another key and cannot sign in yet',
    sql: `SELECT a.username, k.name, k.kind, k.created_at
FROM T_webauthn_credentials k JOIN T_accounts a ON a.id = k.account_id
WHERE k.signed_at IS NULL AND k.deleted_at IS NULL
ORDER BY k.created_at`,
  },
  'keys-unused': {
    description: 'passkeys and security keys that have not been used for a year',
    sql: `SELECT a.username, k.name, k.kind, k.created_at, k.last_used_at
FROM T_webauthn_credentials k JOIN T_accounts a ON a.id = k.account_id
WHERE k.deleted_at IS NULL AND COALESCE(k.last_used_at, k.created_at) < {365 days ago}
ORDER BY a.username, k.name`,
  },
  counters: {
    description: 'passkeys and security keys whose counter went back; each may have been copied',
    sql: `SELECT l.created_at, a.username, k.name, l.ip_address
FROM T_auth_audit_log l
LEFT JOIN T_accounts a ON a.id = l.account_id
LEFT JOIN T_webauthn_credentials k ON k.id = l.target
WHERE l.action = 'passkey.counter_regressed'
ORDER BY l.created_at DESC`,
  },
  sessions: {
    description: 'signed-in accounts, the number of their sessions, and when the latest was used',
    sql: `SELECT a.username, COUNT(*) AS sessions, MAX(s.last_used_at) AS last_used_at
FROM T_user_sessions s JOIN T_accounts a ON a.id = s.account_id
WHERE s.is_active = true AND s.expires_at > CURRENT_TIMESTAMP
GROUP BY a.username
ORDER BY sessions DESC, a.username`,
  },
  tokens: {
    description: 'live tokens by application',
    sql: `SELECT t.client_id, t.token, COUNT(*) AS tokens
${LIVE_TOKENS}
GROUP BY t.client_id, t.token
ORDER BY t.client_id, t.token`,
  },
  replays: {
    description: 'codes and refresh tokens that were used a second time; each may have been stolen',
    sql: `SELECT t.revoked_at, t.reason, t.client_id, a.username
FROM T_revoked_tokens t LEFT JOIN T_accounts a ON a.id = t.account_id
WHERE t.reason <> 'revoked'
ORDER BY t.revoked_at DESC`,
  },
  'signing-keys': {
    description: 'signing keys by state',
    sql: `SELECT alg, status, kid, not_before, retired_at
FROM T_signing_keys
ORDER BY alg, status, kid`,
  },
  connections: {
    description:
      'connected accounts by service: those that work, those of them whose access token expires within the hour, those that need their owner, and those that are paused. Those that only sign in are not counted',
    sql: `SELECT p.provider AS service,
  SUM(CASE WHEN p.is_active = true AND p.sync_status IN ('pending', 'active') THEN 1 ELSE 0 END) AS active,
  SUM(CASE WHEN p.is_active = true AND p.sync_status IN ('pending', 'active')
    AND t.expires_at < {in 1 hour} THEN 1 ELSE 0 END) AS expiring,
  SUM(CASE WHEN p.sync_status = 'error' THEN 1 ELSE 0 END) AS in_error,
  SUM(CASE WHEN p.sync_status <> 'error' AND p.may_sign_in = false AND (p.is_active = false OR p.sync_status = 'disabled') THEN 1 ELSE 0 END) AS paused
FROM T_user_providers p LEFT JOIN T_oauth_tokens t ON t.active_slot = p.id
GROUP BY p.provider
ORDER BY p.provider`,
  },
  'connection-errors': {
    description: 'connected accounts that need their owner, and why, the latest first',
    sql: `SELECT p.id, a.username, p.provider AS service, p.sync_error AS error, p.updated_at
FROM T_user_providers p JOIN T_accounts a ON a.id = p.account_id
WHERE p.sync_status = 'error'
ORDER BY p.updated_at DESC, p.id DESC`,
  },
  'connection-calls': {
    description:
      'calls of applications with connected accounts in the last 24 hours, by service, application and outcome',
    sql: `SELECT l.provider AS service, l.client_id, c.client_name, l.status, COUNT(*) AS calls,
  COALESCE(SUM(l.data_size), 0) AS bytes, MAX(l.started_at) AS last_at
FROM T_sync_logs l LEFT JOIN T_oauth_clients c ON c.client_id = l.client_id
WHERE l.action_type = 'api_call' AND l.started_at > {1 day ago}
GROUP BY l.provider, l.client_id, c.client_name, l.status
ORDER BY l.provider, l.client_id, l.status`,
  },
  'connection-handouts': {
    description:
      'tokens of connected accounts that applications were given in the last 24 hours, by service, application and outcome',
    sql: `SELECT l.provider AS service, l.client_id, c.client_name, l.status, COUNT(*) AS handouts,
  MAX(l.started_at) AS last_at
FROM T_sync_logs l LEFT JOIN T_oauth_clients c ON c.client_id = l.client_id
WHERE l.action_type = 'token_handout' AND l.started_at > {1 day ago}
GROUP BY l.provider, l.client_id, c.client_name, l.status
ORDER BY l.provider, l.client_id, l.status`,
  },
  'connection-syncs': {
    description: 'syncs of connected accounts in the last 24 hours, by service, kind and outcome',
    sql: `SELECT provider AS service, action_type, status, COUNT(*) AS runs,
  COALESCE(SUM(items_processed), 0) AS items, MAX(started_at) AS last_at
FROM T_sync_logs
WHERE action_type NOT IN ('api_call', 'token_handout') AND started_at > {1 day ago}
GROUP BY provider, action_type, status
ORDER BY provider, action_type, status`,
  },
  rows: {
    description: 'rows by table. Counts every row, which is slow in tables of millions',
    sql: countAllRows,
  },
  bytes: {
    description: 'bytes by table, including its indexes',
    sql: {
      sqlite: `SELECT m.tbl_name AS table_name, SUM(s.pgsize) AS bytes
FROM dbstat s JOIN sqlite_master m ON m.name = s.name
WHERE m.tbl_name LIKE 'T\\_%' ESCAPE '\\'
GROUP BY m.tbl_name
ORDER BY bytes DESC, table_name`,
      postgres: `SELECT relname AS table_name, PG_TOTAL_RELATION_SIZE(relid) AS bytes
FROM pg_stat_user_tables
ORDER BY bytes DESC, table_name`,
      mysql: `SELECT table_name AS table_name, data_length + index_length AS bytes
FROM information_schema.tables
WHERE table_schema = DATABASE()
ORDER BY bytes DESC, table_name`,
    },
  },
  waiting: {
    description:
      'rows by table that the next purge will delete, within a minute. Printed here with the default retention; the command uses LATCHKEY_RETENTION',
    sql: countPurgeableRows(retention),
  },
});

/**
 * Runs one of the monitoring queries.
 * @throws LatchkeyError invalid_input for a name that is not in the list
 */
export async function runReport(
  database: Database,
  name: string,
  retention: Retention,
): Promise<Record<string, Cell>[]> {
  const known = reports(retention);
  const report = Object.hasOwn(known, name) ? known[name] : undefined;
  if (report) return withoutDeadline(() => selectRows(database, report.sql));
  throw new LatchkeyError(
    'invalid_input',
    'report_not_found',
    `There is no report ${name}. Name one of: ${Object.keys(known).join(', ')}.`,
  );
}
