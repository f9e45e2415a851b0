import {
  deleteFrom,
  insertInto,
  type Statement,
  selectOne,
  sql,
  update,
} from '../../database/statement-builders.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { type Model, models } from './models.ts';
import { selectWithRelated } from './preload.ts';

/** The statements of a model that is a row of its own. */
export interface ModelStatements {
  findByKey: Statement<'key'>;
  findByUserCode: Statement<'key'>;
  insert: Statement;
  /** Writes no row when a unique index has one already, so that a guard notices. */
  insertIfNew: Statement;
  change: Statement;
  /** Marks as used, unless another request has done so, which a guard notices. */
  consume: Statement<'id' | 'consumed_at'>;
  changeAndConsume: Statement;
  remove: Statement<'key'>;
  removeUnused: Statement<'key'>;
  /** Finds the rows by the index on the account: an index on the grant would cost a write for every token. */
  removeByGrant: Statement<'account_id' | 'grant_id'>;
}

const ID = sql`id = ${'id'}`;
const UNUSED_ID = sql`id = ${'id'} AND consumed_at IS NULL`;

function selectBy(model: Model, column: string): Statement<'key'> {
  const { table, consumable = false, family, sealed, related } = model;
  if (related) return selectWithRelated(model, column);
  const isRevoked = `EXISTS (SELECT 1 FROM T_revoked_tokens v WHERE v.family_id = ${table}.${family})`;
  const columns = [
    'id',
    'payload',
    consumable && 'consumed_at',
    sealed && 'code_sealed',
    family && `${family} AS family, ${isRevoked} AS family_is_revoked`,
  ].filter(Boolean);
  const onlyLive = table === 'T_grants' ? ' AND revoked_at IS NULL' : '';
  return selectOne({
    columns: columns.join(', '),
    from: table,
    where: sql([`${column} = `, onlyLive], 'key'),
  });
}

function changedColumns({ columns, sealed }: Model): string[] {
  return [...Object.keys(columns({})), 'expires_at', 'payload', ...(sealed ? ['code_sealed'] : [])];
}

function declare(model: Model): ModelStatements {
  const { table, key, links = [] } = model;
  const changed = changedColumns(model);
  // A grant's key is its id.
  const inserted = [...new Set(['id', 'created_at', key, ...links, ...changed])];
  return {
    findByKey: selectBy(model, key),
    findByUserCode: selectBy(model, 'user_code_hash'),
    insert: insertInto(table, inserted),
    insertIfNew: insertInto(table, inserted, { onConflict: 'nothing' }),
    change: update(table, { set: changed, where: ID }),
    consume: update(table, { set: ['consumed_at'], where: UNUSED_ID }),
    changeAndConsume: update(table, { set: [...changed, 'consumed_at'], where: UNUSED_ID }),
    remove: deleteFrom(table, sql([`${key} = `, ''], 'key')),
    removeUnused: deleteFrom(table, sql([`${key} = `, ' AND consumed_at IS NULL'], 'key')),
    removeByGrant: deleteFrom(table, sql`account_id = ${'account_id'} AND grant_id = ${'grant_id'}`),
  };
}

/** Models that share a table share its statements, so that the driver adds their rows together. */
const declared = new Map([...new Set(Object.values(models))].map((model) => [model, declare(model)]));

export function statementsOf(model: Model): ModelStatements {
  return declared.get(model) as ModelStatements;
}

const declareAnswer = (model: Model): Statement =>
  update(model.table, {
    set: changedColumns(model),
    where: sql`id = ${'id'} AND user_code_hash IS NOT NULL`,
  });
const answers = new Map(
  [models.DeviceCode as Model, models.BackchannelAuthenticationRequest as Model].map((model) => [
    model,
    declareAnswer(model),
  ]),
);

/** The user's answer, of which a polled code has one. It uses up the user code. */
export const answerStatementOf = (model: Model): Statement => answers.get(model) as Statement;

export const SELECT_GRANT_OWNER = selectOne({
  columns: 'account_id',
  from: 'T_grants',
  where: sql`id = ${'id'}`,
});

/** A revoked grant stays as a tombstone: a request that lost a race may still write tokens for it. */
export const REVOKE_GRANT = update('T_grants', {
  set: ['revoked_at'],
  where: sql`id = ${'id'} AND revoked_at IS NULL`,
});

/** Touches no row once the grant is revoked, or what its account allowed has changed since it was read. */
const KEEP_GRANT = update('T_grants', {
  set: ['scope'],
  where: sql`id = ${'id'} AND scope = ${'scope'} AND revoked_at IS NULL`,
});

/** Lets the unit commit only while a grant still has the scopes that it was read with. */
export function requireGrant(unit: UnitOfWork, id: string, scope: string): void {
  unit.write({ statement: KEEP_GRANT, values: { id, scope }, guard: 'grant' });
}

const REVOKED_WITH_GRANT = [models.AccessToken, models.RefreshToken, models.AuthorizationCode] as Model[];

/** Revokes a grant of an account, and with it the codes and tokens that were issued under it. */
export function revokeGrant(unit: UnitOfWork, grantId: string, accountId: string): void {
  unit.write({ statement: REVOKE_GRANT, values: { id: grantId, revoked_at: new Date() } });
  for (const model of REVOKED_WITH_GRANT)
    unit.write({
      statement: statementsOf(model).removeByGrant,
      values: { account_id: accountId, grant_id: grantId },
    });
}
