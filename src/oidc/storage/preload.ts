import { type Row, type Statement, selectOne, sql } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { ACCOUNT_COLUMNS, rememberAccount } from './accounts.ts';
import { rememberSession } from './sessions.ts';

/**
 * A token is never looked at alone: the engine asks for its grant, its account and its session next. One SELECT
 * brings all four, and the unit remembers what was not asked for yet.
 */
export function selectWithRelated(table: string, column: string, consumable: boolean): Statement<'key'> {
  return selectOne({
    columns: `t.id, t.payload, t.grant_id, t.account_id, t.session_uid${consumable ? ', t.consumed_at' : ''},
      g.payload AS grant_payload, s.payload AS session_payload, s.authorizations AS session_authorizations,
      ${ACCOUNT_COLUMNS}`,
    from: `${table} t
      LEFT JOIN T_grants g ON g.id = t.grant_id AND g.revoked_at IS NULL
      LEFT JOIN T_user_sessions s ON s.uid = t.session_uid AND s.is_active = true
      LEFT JOIN T_accounts a ON a.id = t.account_id AND a.is_active = true`,
    where: sql([`t.${column} = `, ''], 'key'),
  });
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** What stands beside a token's row, for the unit to remember; what it changed itself stays. */
export function rememberRelated(row: Row): void {
  const [grantId, accountId, uid] = [text(row.grant_id), text(row.account_id), text(row.session_uid)];
  if (grantId) {
    const json = text(row.grant_payload);
    currentUnit().addKnown(`T_grants:${grantId}`, json === undefined ? undefined : { id: grantId, json });
  }
  if (accountId) rememberAccount(accountId, row);
  if (uid) rememberSession(uid, text(row.session_payload), text(row.session_authorizations));
}
