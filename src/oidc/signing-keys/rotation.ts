import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Algorithm } from './generate.ts';
import { firstSigningTime, lastPublishedTime } from './rotation-times.ts';
import { insertKey, type KeyRow, type NewKey, promoteNextKey, retireKey } from './store.ts';

/** An algorithm's keys in use. */
export interface KeyPair {
  active: KeyRow;
  next: KeyRow;
}

export interface RotationDeps {
  knex: Knex;
  /** Generates a key and seals its private half. */
  createKey(alg: Algorithm): Promise<NewKey>;
}

/**
 * The next keys sign, the active ones retire and stay published, and new next keys are published. All of that is one
 * commit. Of several servers that do it at once, the one whose UPDATE finds the active key still active has done it.
 * @returns the kids that sign now; empty when another server was first
 */
export async function rotatePairs(
  { knex, createKey }: RotationDeps,
  actor: Actor,
  pairs: KeyPair[],
  now: Date,
): Promise<string[]> {
  const created = await Promise.all(pairs.map(({ active }) => createKey(active.alg)));
  return inTransaction(knex, async (trx) => {
    const signing: string[] = [];
    for (const [index, { active, next }] of pairs.entries()) {
      const times = { retired_at: now, expires_at: lastPublishedTime(now) };
      if (!(await retireKey(trx, active, times))) continue;
      if (!(await promoteNextKey(trx, next, now))) throw changed();
      await insertKey(trx, created[index] as NewKey, {
        status: 'next',
        created_at: now,
        not_before: firstSigningTime(now),
      });
      await recordEventIn(trx, {
        action: 'signing_key.rotated',
        actorId: actor.accountId,
        target: next.kid,
        details: { alg: next.alg, previous: active.kid },
      });
      signing.push(next.kid);
    }
    return signing;
  });
}

const changed = () =>
  new LatchkeyError('conflict', 'signing_key_changed', 'The signing keys changed at this moment. Try again.');

/**
 * Rejects a leaked key: from now on it is neither published nor accepted. If it was the active key, the next key becomes active.
 * A new key takes the place that is free then: that of the next key, or of the active one if there was no next key.
 * @throws LatchkeyError conflict when the key changed its state at the same time
 */
export async function rejectKey(
  { knex, createKey }: RotationDeps,
  actor: Actor,
  key: KeyRow,
  now: Date,
): Promise<void> {
  const created = key.status === 'retired' ? undefined : await createKey(key.alg);
  const retired_at = key.retired_at ?? now;
  await inTransaction(knex, async (trx) => {
    if (!(await retireKey(trx, key, { retired_at, expires_at: retired_at }))) throw changed();
    let status: 'next' | 'active' = 'next';
    if (key.status === 'active') {
      const hasSuccessor = await promoteNextKey(trx, { alg: key.alg }, now);
      if (!hasSuccessor) status = 'active';
    }
    if (created) {
      const not_before = status === 'next' ? firstSigningTime(now) : now;
      await insertKey(trx, created, { status, created_at: now, not_before });
    }
    await recordEventIn(trx, {
      action: 'signing_key.retired',
      actorId: actor.accountId,
      target: key.kid,
      details: { alg: key.alg, status: key.status },
    });
  });
}
