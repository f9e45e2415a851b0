import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';
import { endGiven, type Kept } from '../accounts/sign-out-everywhere.ts';

const TABLE = 'T_recovery_codes';
const COUNT = 10;
/** A hundred random bits: too many to guess, so that a digest without salt is enough. */
const LENGTH = 20;

/** Codes for who has no other factor at hand: shown once, good once each. */
export function createRecoveryCodes(deps: { knex: Knex }) {
  const { knex } = deps;
  return {
    /** Makes ten that take the place of all earlier ones. */
    async make(accountId: string, from?: Origin): Promise<string[]> {
      const codes = Array.from({ length: COUNT }, () => makeReadableCode(LENGTH));
      await inTransaction(knex, async (trx) => {
        await trx(TABLE).where({ account_id: accountId }).delete();
        await trx(TABLE).insert(
          codes.map((code) => ({
            id: uuidv7(),
            created_at: new Date(),
            account_id: accountId,
            code_hash: digest(readReadableCode(code, LENGTH) as string),
          })),
        );
        await recordEventIn(trx, { action: 'recovery_codes.made', accountId }, from);
      });
      return codes;
    },

    /**
     * One statement uses it up.
     * @param kept given when whoever else is signed in as this person is to be so no more: what goes on all the same
     * @returns whether it was good
     */
    async consume(accountId: string, typed: string, kept?: Kept): Promise<boolean> {
      const code = readReadableCode(typed, LENGTH);
      if (code === undefined) return false;
      return inTransaction(knex, async (trx) => {
        const used = await trx(TABLE)
          .where({ account_id: accountId, code_hash: digest(code) })
          .whereNull('consumed_at')
          .update({ consumed_at: new Date() });
        if (used === 1 && kept) await endGiven(trx, accountId, kept);
        return used === 1;
      });
    },

    async left(accountId: string): Promise<number> {
      const row = await knex(TABLE)
        .where({ account_id: accountId })
        .whereNull('consumed_at')
        .count({ n: '*' })
        .first();
      return Number(row?.n);
    },
  };
}
