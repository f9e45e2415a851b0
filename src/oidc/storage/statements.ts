import { deleteFrom, insertInto, type Statement, selectOne, sql, update } from '../../database/statements.ts';
import { type Model, models } from './models.ts';
import { selectWithRelated } from './preload.ts';

/** What the engine's storage asks about a model that is a row of its own. */
export interface ModelStatements {
  findByKey: Statement<'key'>;
  findByUserCode: Statement<'key'>;
  insert: Statement;
  /** For a guard: touches no row when a unique index has one already. */
  insertIfNew: Statement;
  change: Statement;
  /** Mark as used, unless another request did: for a guard. */
  consume: Statement<'id' | 'consumed_at'>;
  changeAndConsume: Statement;
  remove: Statement<'key'>;
  removeUnused: Statement<'key'>;
  /** The account finds the rows: those of one grant are not worth an index at every token. */
  removeByGrant: Statement<'account_id' | 'grant_id'>;
}

const ID = sql`id = ${'id'}`;
const UNUSED_ID = sql`id = ${'id'} AND consumed_at IS NULL`;

function selectBy(model: Model, column: string): Statement<'key'> {
  const { table, consumable = false, sealed, related } = model;
  if (related) return selectWithRelated(table, column, consumable);
  const columns = ['id', 'payload', consumable && 'consumed_at', sealed && 'code_sealed'].filter(Boolean);
  const onlyLive = table === 'T_grants' ? ' AND revoked_at IS NULL' : '';
  return selectOne({
    columns: columns.join(', '),
    from: table,
    where: sql([`${column} = `, onlyLive], 'key'),
  });
}

function declare(model: Model): ModelStatements {
  const { table, key, links = [] } = model;
  const changed = [...Object.keys(model.columns({})), 'expires_at', 'payload'];
  if (model.sealed) changed.push('code_sealed');
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

/** A revoked grant stays as a tombstone: a request that lost the race may still write tokens for it. */
export const REVOKE_GRANT = update('T_grants', {
  set: ['revoked_at'],
  where: sql`id = ${'id'} AND revoked_at IS NULL`,
});
