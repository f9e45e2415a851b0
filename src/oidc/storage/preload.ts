import { type Row, type Statement, selectOne, sql } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { ACCOUNT_COLUMNS, joinAccount, rememberAccount } from './accounts.ts';
import type { Model } from './models.ts';
import { rememberSession } from './sessions.ts';

/**
 * Reads a code or token together with its grant, account and session, which the engine asks for next. The unit of
 * work keeps them until then (docs/decisions/0005).
 */
export function selectWithRelated(model: Model, column: string): Statement<'key'> {
  const { table, consumable = false, family = 'id' } = model;
  const isRevoked = `EXISTS (SELECT 1 FROM T_revoked_tokens v WHERE v.family_id = t.${family})`;
  return selectOne({
    columns: `t.id, t.payload, t.grant_id, t.account_id, t.session_uid${consumable ? ', t.consumed_at' : ''},
      t.${family} AS family, ${isRevoked} AS family_is_revoked,
      g.payload AS grant_payload, s.payload AS session_payload, s.authorizations AS session_authorizations,
      ${ACCOUNT_COLUMNS}`,
    from: `${table} t
      LEFT JOIN T_grants g ON g.id = t.grant_id AND g.revoked_at IS NULL
      LEFT JOIN T_user_sessions s ON s.uid = t.session_uid AND s.is_active = true
      ${joinAccount('t.account_id')}`,
    where: sql([`t.${column} = `, ''], 'key'),
  });
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** Keeps the rows that were read beside a token, except those that this request has read or changed already. */
export function rememberRelated(row: Row): void {
  const [grantId, accountId, uid] = [text(row.grant_id), text(row.account_id), text(row.session_uid)];
  if (grantId) {
    const json = text(row.grant_payload);
    currentUnit().addKnown(`T_grants:${grantId}`, json === undefined ? undefined : { id: grantId, json });
  }
  if (accountId) rememberAccount(accountId, row);
  if (uid) rememberSession(uid, text(row.session_payload), text(row.session_authorizations));
}
