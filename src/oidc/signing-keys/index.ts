import type { Knex } from 'knex';
import type { Actor } from '../../audit/index.ts';
import { OPERATOR } from '../../audit/operator.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { ALGORITHMS, type Algorithm, generateKey, type PrivateJwk } from './generate.ts';
import { isSameSet, type KeySet, openKey, sealedAt, toKeySet } from './key-set.ts';
import { type KeyPair, rejectKey, rotatePairs } from './rotation.ts';
import { firstSigningTime, isDue, isLoaded, isPublished, isTooOld, loadedTime } from './rotation-times.ts';
import { deleteKeysRetiredBefore, insertKey, type KeyRow, listKeys, type NewKey } from './store.ts';

/** A key as the command shows it. Instants are in ISO 8601. */
export interface SigningKey {
  kid: string;
  alg: Algorithm;
  status: KeyRow['status'];
  published: boolean;
  created_at: string;
  not_before: string;
  retired_at: string | null;
  expires_at: string | null;
}

const find = (rows: KeyRow[], alg: Algorithm, status: KeyRow['status']) =>
  rows.find((row) => row.alg === alg && row.status === status);

/** The active and next key of each algorithm that has both. */
const pairsOf = (rows: KeyRow[]): KeyPair[] =>
  ALGORITHMS.flatMap((alg) => {
    const [active, next] = [find(rows, alg, 'active'), find(rows, alg, 'next')];
    return active && next ? [{ active, next }] : [];
  });

/**
 * The keys that sign, one active for each algorithm, and those that will and did. A key is published before it signs, and
 * after it has signed for as long as its tokens live.
 * @param deps `keepFor`: seconds for which the server accepts an `id_token_hint` of a retired key; `findClockFault`:
 *   compares this clock with the database's
 */
export function createSigningKeys(deps: {
  knex: Knex;
  secrets: Secrets;
  keepFor: number;
  findClockFault?: () => Promise<string | undefined>;
}) {
  const { knex, secrets } = deps;

  /** What this server uses. */
  let current: KeySet | undefined;

  function openOrKeep(row: KeyRow, onFault: (error: Error) => void): PrivateJwk {
    try {
      return openKey(secrets, row);
    } catch (error) {
      const earlier = current?.signing.find(({ alg }) => alg === row.alg);
      if (!earlier) throw error;
      onFault(error as Error);
      return earlier;
    }
  }

  async function createKey(alg: Algorithm): Promise<NewKey> {
    const { publicJwk, privateJwk } = await generateKey(alg);
    const id = uuidv7();
    return {
      id,
      kid: publicJwk.kid,
      alg,
      public_jwk: JSON.stringify(publicJwk),
      private_jwk_sealed: secrets.seal(JSON.stringify(privateJwk), sealedAt(id)),
    };
  }

  /** Nobody can have loaded keys without the first next one, so that one may sign at once. */
  async function createMissing(rows: KeyRow[], now: Date): Promise<void> {
    for (const alg of ALGORITHMS) {
      const isNew = !find(rows, alg, 'active');
      const created_at = now;
      if (isNew)
        await insertKey(knex, await createKey(alg), { status: 'active', created_at, not_before: now });
      if (!find(rows, alg, 'next')) {
        const not_before = isNew ? now : firstSigningTime(now);
        await insertKey(knex, await createKey(alg), { status: 'next', created_at, not_before });
      }
    }
  }

  async function listComplete(now: Date): Promise<KeyRow[]> {
    const rows = await listKeys(knex);
    if (pairsOf(rows).length === ALGORITHMS.length) return rows;
    await createMissing(rows, now);
    return listKeys(knex);
  }

  return {
    /**
     * Reads the keys when a server starts, and creates those that are missing.
     * @throws LatchkeyError conflict when a key that signs, or will, cannot be decrypted
     */
    async load(now = new Date()): Promise<KeySet> {
      const rows = await listComplete(now);
      for (const row of rows) if (row.status === 'next') openKey(secrets, row);
      current = toKeySet(rows, now, (row) => openKey(secrets, row));
      return current;
    },

    /**
     * Rotates keys that are due, deletes old ones and reads all. Where this server cannot decrypt a new key, it goes on signing
     * with the earlier one.
     * @param onFault gets the error then
     * @returns undefined if nothing has changed
     */
    async refresh(onFault: (error: Error) => void, now = new Date()): Promise<KeySet | undefined> {
      let rows = await listComplete(now);
      let due = pairsOf(rows).filter(({ active, next }) => isDue(active, next, now));
      const oldest = new Date(now.getTime() - deps.keepFor * 1000);
      let isAnyOver = rows.some(({ retired_at }) => retired_at !== null && retired_at < oldest);
      // What a server with a wrong clock wrote would keep the right ones from rotating until that time had come.
      const isWrong = (due.length > 0 || isAnyOver) && (await deps.findClockFault?.()) !== undefined;
      if (isWrong) [due, isAnyOver] = [[], false];
      if (due.length > 0) await rotatePairs({ knex, createKey }, OPERATOR, due, now);
      if (isAnyOver) await deleteKeysRetiredBefore(knex, oldest);
      if (due.length > 0 || isAnyOver) rows = await listKeys(knex);
      const loaded = toKeySet(rows, now, (row) => openOrKeep(row, onFault));
      if (current && isSameSet(current, loaded)) return undefined;
      current = loaded;
      return current;
    },

    async list(now = new Date()): Promise<SigningKey[]> {
      const rows = await listKeys(knex);
      return rows.map((row) => ({
        kid: row.kid,
        alg: row.alg,
        status: row.status,
        published: isPublished(row, now),
        created_at: row.created_at.toISOString(),
        not_before: row.not_before.toISOString(),
        retired_at: row.retired_at?.toISOString() ?? null,
        expires_at: row.expires_at?.toISOString() ?? null,
      }));
    },

    /**
     * Lets the next keys sign.
     * @param only the algorithm whose next key signs; by default all of them
     * @returns the kids that sign now; empty when another server has rotated at the same time
     * @throws LatchkeyError conflict as long as a server may not have loaded the next keys
     */
    async rotate(actor: Actor, now = new Date(), only?: Algorithm): Promise<string[]> {
      const complete = pairsOf(await listComplete(now));
      const pairs = complete.filter(({ active }) => only === undefined || active.alg === only);
      const early = pairs.find(({ next }) => !isLoaded(next, now));
      if (early) {
        const message = `The next ${early.next.alg} key was published at ${early.next.created_at.toISOString()}, and some servers may not have loaded it. Rotate after ${loadedTime(early.next).toISOString()}. If a key leaked, retire it: latchkey signing-key retire KID`;
        throw new LatchkeyError('conflict', 'signing_key_too_new', message);
      }
      return rotatePairs({ knex, createKey }, actor, pairs, now);
    },

    /**
     * Rejects a leaked key on every server, as soon as each has read that.
     * @throws LatchkeyError not_found; conflict when the key changed its state at the same time
     */
    async retire(actor: Actor, kid: string, now = new Date()): Promise<void> {
      const row = (await listKeys(knex)).find((one) => one.kid === kid);
      if (!row)
        throw new LatchkeyError('not_found', 'signing_key_not_found', `There is no signing key ${kid}.`);
      await rejectKey({ knex, createKey }, actor, row, now);
    },

    /** The active keys that should have been rotated long ago. */
    async findTooOld(now = new Date()): Promise<Pick<KeyRow, 'alg' | 'not_before'>[]> {
      const pairs = pairsOf(await listKeys(knex));
      return pairs.map(({ active }) => active).filter((active) => isTooOld(active, now));
    },
  };
}

export type SigningKeys = ReturnType<typeof createSigningKeys>;
