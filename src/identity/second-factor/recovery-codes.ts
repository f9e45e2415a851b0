import { hkdfSync } from 'node:crypto';
import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import type { CodeAttempts, CodeGuesser } from './code-attempts.ts';

const TABLE = 'T_recovery_codes';
const COUNT = 10;
/** 100 random bits: too many to guess, so a digest without salt is enough. */
const LENGTH = 20;

/** What continues when the use of a code ends everything else, by uid. */
interface Exceptions {
  session?: string;
  request?: string;
}

export interface RecoveryCodesDeps {
  knex: Knex;
  attempts: CodeAttempts;
  /** @throws LatchkeyError unauthenticated when the session or sign-in has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
  signOutEverywhere(trx: Knex.Transaction, accountId: string, options: { except: Exceptions }): Promise<void>;
}

/**
 * The codes of one form, always the same ones. Only the browser has the key, so the codes are still stored as digests
 * alone.
 */
const codesOf = (key: string) =>
  Array.from({ length: COUNT }, (_, index) =>
    makeReadableCode(LENGTH, (bytes) =>
      Buffer.from(hkdfSync('sha256', key, 'latchkey', `recovery code ${index}`, bytes)),
    ),
  );

const hashOf = (code: string) => digest(readReadableCode(code, LENGTH) as string);

/** Uses a code up. The row count of one UPDATE decides, so a code works once. @returns whether it was valid */
async function consumeIn(trx: Knex.Transaction, accountId: string, typed: string): Promise<boolean> {
  const code = readReadableCode(typed, LENGTH);
  if (code === undefined) return false;
  const consumed = await trx(TABLE)
    .where({ account_id: accountId, code_hash: digest(code) })
    .whereNull('consumed_at')
    .update({ consumed_at: new Date() });
  return consumed === 1;
}

/** Codes for people who have none of their other factors at hand. Each is shown once and works once. */
export function createRecoveryCodes(deps: RecoveryCodesDeps) {
  const { knex } = deps;

  async function prepareConsume(guesser: CodeGuesser, typed: string) {
    const attempt = await deps.attempts.prepare(guesser);
    return (trx: Knex.Transaction) => attempt(trx, () => consumeIn(trx, guesser.accountId, typed));
  }

  return {
    /**
     * Creates ten codes, which replace all earlier ones.
     * @param by the session of the user who creates them, which must not have ended
     * @param key of `randomToken`, which decides the codes
     * @returns the codes as they are shown
     */
    async create(
      accountId: string,
      by?: SignedInBy,
      origin?: Origin,
      key = randomToken(),
    ): Promise<string[]> {
      const codes = codesOf(key);
      const rows = codes.map((code) => ({
        id: uuidv7(),
        created_at: new Date(),
        account_id: accountId,
        code_hash: hashOf(code),
      }));
      await inTransaction(knex, async (trx) => {
        if (by) await deps.assertSignedIn(trx, accountId, by);
        await trx(TABLE).where({ account_id: accountId }).delete();
        await trx(TABLE).insert(rows);
        await recordEventIn(trx, { action: 'recovery_codes.made', accountId }, origin);
      });
      return codes;
    },

    /**
     * What a form that is sent again shows, as after a reload: replacing the codes would make those worthless that were
     * written down. It needs no factor, because whoever has the key has the codes.
     * @returns undefined if the account's codes are not those of this key
     */
    async findCreated(accountId: string, key: string): Promise<string[] | undefined> {
      const codes = codesOf(key);
      const first = { account_id: accountId, code_hash: hashOf(codes[0] as string) };
      return (await knex(TABLE).where(first).first('id')) ? codes : undefined;
    },

    /** Prepares the use of a code in a transaction of the caller. @returns a function that says whether it was valid */
    prepareConsume,

    /**
     * Uses a code up, in a transaction of its own.
     * @param options `endOthers`: signs the user out everywhere in the same transaction, with these exceptions
     * @returns whether the code was valid, and this not one attempt too many
     */
    async consume(
      accountId: string,
      typed: string,
      options: { endOthers?: { except: Exceptions }; browserHash?: string } = {},
    ): Promise<boolean> {
      const consumeIn = await prepareConsume({ accountId, browserHash: options.browserHash }, typed);
      return inTransaction(knex, async (trx) => {
        if (!(await consumeIn(trx))) return false;
        if (options.endOthers) await deps.signOutEverywhere(trx, accountId, options.endOthers);
        return true;
      });
    },

    async countUnused(accountId: string, source: Knex = knex): Promise<number> {
      const row = await source(TABLE)
        .where({ account_id: accountId })
        .whereNull('consumed_at')
        .count({ n: '*' })
        .first();
      return Number(row?.n);
    },
  };
}
