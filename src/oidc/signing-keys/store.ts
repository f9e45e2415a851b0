import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import type { Algorithm } from './generate.ts';

/** A row of T_signing_keys. Its unique column `active_slot` allows one active and one next key for each algorithm. */
export interface KeyRow {
  id: string;
  kid: string;
  alg: Algorithm;
  status: 'next' | 'active' | 'retired';
  public_jwk: string;
  private_jwk_sealed: string;
  created_at: Date;
  /** When servers may begin to sign with the key on their own, for the next key. For the others: when they began. */
  not_before: Date;
  retired_at: Date | null;
  /** The time until which a retired key is published. */
  expires_at: Date | null;
}

export type NewKey = Pick<KeyRow, 'id' | 'kid' | 'alg' | 'public_jwk' | 'private_jwk_sealed'>;

const TABLE = 'T_signing_keys';
const slotOf = (status: 'next' | 'active', alg: Algorithm) => (status === 'active' ? alg : `next:${alg}`);
const toDateOrNull = (value: unknown) => (value === null ? null : toDate(value));

/** Every key, the oldest first. */
export async function listKeys(knex: Knex): Promise<KeyRow[]> {
  const rows: KeyRow[] = await knex(TABLE).orderBy('id');
  return rows.map((row) => ({
    ...row,
    created_at: toDate(row.created_at),
    not_before: toDate(row.not_before ?? row.created_at),
    retired_at: toDateOrNull(row.retired_at),
    expires_at: toDateOrNull(row.expires_at),
  }));
}

/** Adds a key, unless another server has filled its place. */
export async function insertKey(
  knex: Knex,
  key: NewKey,
  state: Pick<KeyRow, 'created_at' | 'not_before'> & { status: 'next' | 'active' },
): Promise<void> {
  const active_slot = slotOf(state.status, key.alg);
  await knex(TABLE)
    .insert({ ...key, ...state, active_slot })
    .onConflict('active_slot')
    .ignore();
}

/** Ends the use of a key, if it is still in the state `from`. @returns whether it was */
export async function retireKey(
  trx: Knex,
  { kid, status }: Pick<KeyRow, 'kid' | 'status'>,
  times: { retired_at: Date; expires_at: Date },
): Promise<boolean> {
  const changes = { status: 'retired', active_slot: null, ...times };
  return (await trx(TABLE).where({ kid, status }).update(changes)) === 1;
}

/** Makes the next key of an algorithm the active one. @param kid the only one that may be. @returns whether it was there */
export async function promoteNextKey(
  trx: Knex,
  { alg, kid }: { alg: Algorithm; kid?: string },
  now: Date,
): Promise<boolean> {
  const changes = { status: 'active', active_slot: slotOf('active', alg), not_before: now };
  const next = { active_slot: slotOf('next', alg), ...(kid && { kid }) };
  return (await trx(TABLE).where(next).update(changes)) === 1;
}

export const deleteKeysRetiredBefore = (knex: Knex, instant: Date): Promise<number> =>
  knex(TABLE).where({ status: 'retired' }).where('retired_at', '<', instant).delete();
