import { hkdfSync } from 'node:crypto';
import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import type { CodeAttempts, CodeGuesser } from './code-attempts.ts';

const TABLE = 'T_recovery_codes';
/** How many codes there are. To change it, change the word "ten" too: in `views/`, this room's README and `database/documentation/factors.ts`. */
const CODE_COUNT = 10;
/** 100 random bits: too many to guess, so a digest without salt is enough. */
const CODE_LENGTH = 20;

/**
 * The uids of the session and of the authorization request that go on when a recovery code is used. All others end.
 */
interface Exceptions {
  session?: string;
  request?: string;
}

export interface RecoveryCodesDeps {
  knex: Knex;
  secrets: Pick<Secrets, 'csrfToken'>;
  attempts: CodeAttempts;
  /** @throws LatchkeyError unauthenticated when the session or sign-in has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
  signOutEverywhere(trx: Knex.Transaction, accountId: string, options: { except: Exceptions }): Promise<void>;
}

/** The codes of a form are shown again for as long as a sign-in counts as recent, and then only after another one. */
const SHOWN_AGAIN_MS = 300_000;

/** @param key decides the codes: the same one gives the same ones */
const codesOf = (key: string) =>
  Array.from({ length: CODE_COUNT }, (_, index) =>
    makeReadableCode(CODE_LENGTH, (bytes) =>
      Buffer.from(hkdfSync('sha256', key, 'latchkey', `recovery code ${index}`, bytes)),
    ),
  );

const hashOf = (code: string) => digest(readReadableCode(code, CODE_LENGTH) as string);

/** Uses a code up. The row count of one UPDATE decides, so a code works once. @returns whether it was valid */
async function consumeIn(trx: Knex.Transaction, accountId: string, typed: string): Promise<boolean> {
  const code = readReadableCode(typed, CODE_LENGTH);
  if (code === undefined) return false;
  const consumed = await trx(TABLE)
    .where({ account_id: accountId, code_hash: digest(code) })
    .whereNull('consumed_at')
    .update({ consumed_at: new Date() });
  return consumed === 1;
}

/** Codes for people who have none of their other factors at hand. Each is shown once and works once. */
export function createRecoveryCodes(deps: RecoveryCodesDeps) {
  const { knex, secrets } = deps;

  /**
   * The codes of one form. They come from its key and from a secret of this server, so the codes are still stored as digests
   * alone, and somebody who sees the form before it is sent cannot compute them.
   */
  const codesOfForm = (accountId: string, key: string) =>
    codesOf(secrets.csrfToken(`recovery codes ${accountId} ${key}`));

  async function prepareConsume(guesser: CodeGuesser, typed: string) {
    const attempt = await deps.attempts.prepare(guesser);
    return (trx: Knex.Transaction) => attempt(trx, () => consumeIn(trx, guesser.accountId, typed));
  }

  return {
    /**
     * Creates ten codes, which replace all earlier ones.
     * @param by the session of the user who creates them, which must not have ended
     * @param key of the form; if the account has its codes already, they stay, and those that were used stay used
     * @returns the codes as they are shown
     */
    async create(
      accountId: string,
      by?: SignedInBy,
      origin?: Origin,
      key = randomToken(),
    ): Promise<string[]> {
      const codes = codesOfForm(accountId, key);
      const rows = codes.map((code) => ({
        id: uuidv7(),
        created_at: new Date(),
        account_id: accountId,
        code_hash: hashOf(code),
      }));
      await inTransaction(knex, async (trx) => {
        if (by) await deps.assertSignedIn(trx, accountId, by);
        const hashes = rows.map(({ code_hash }) => code_hash);
        await trx(TABLE).where({ account_id: accountId }).whereNotIn('code_hash', hashes).delete();
        if (await trx(TABLE).where({ account_id: accountId }).first('id')) return;
        await trx(TABLE).insert(rows);
        await recordEventIn(trx, { action: 'recovery_codes.made', accountId }, origin);
      });
      return codes;
    },

    /**
     * What a form that is sent again shows, as after a reload: replacing the codes would make those worthless that were
     * written down. It needs no factor, but works for some minutes only.
     * @returns undefined if the account's codes are not those of this key
     */
    async findCreated(accountId: string, key: string): Promise<string[] | undefined> {
      const codes = codesOfForm(accountId, key);
      const found = await knex(TABLE)
        .where({ account_id: accountId, code_hash: hashOf(codes[0] as string) })
        .where('created_at', '>', new Date(Date.now() - SHOWN_AGAIN_MS))
        .first('id');
      return found ? codes : undefined;
    },

    /**
     * Uses up a code of an account whose first factor is a passkey, found by the username or confirmed address in its normal
     * form. After a password, or a sign-in by another service, codes are only the second of two factors. It is one statement
     * for known and unknown names, so that neither takes longer. No attempt is counted for the account: nobody
     * guesses 100 random bits, and whoever knows a username could otherwise lock its owner out (docs/decisions/0026).
     * @returns the account's id; undefined when no such account has that code unused
     */
    async consumeByName(trx: Knex.Transaction, name: string, typed: string): Promise<string | undefined> {
      const code_hash = digest(readReadableCode(typed, CODE_LENGTH) ?? '');
      const passkey = trx('T_webauthn_credentials as k')
        .whereRaw('k.account_id = a.id')
        .where({ 'k.kind': 'passkey' })
        .whereNull('k.deleted_at')
        .select('k.id');
      const link = trx('T_user_providers as p')
        .whereRaw('p.account_id = a.id')
        .where({ 'p.may_sign_in': true })
        .select('p.id');
      const owner = trx('T_accounts as a')
        .where('a.is_active', true)
        .where((named) =>
          named
            .where('a.username', name)
            .orWhere((mailed) => mailed.where({ 'a.email': name, 'a.email_verified': true })),
        )
        .whereNotExists(trx('T_credentials as c').whereRaw('c.account_id = a.id').select('c.id'))
        .where((first) => first.whereExists(passkey).orWhereNotExists(link))
        .select('a.id');
      const unused = trx(TABLE).where({ code_hash }).whereNull('consumed_at').whereIn('account_id', owner);
      if ((await unused.update({ consumed_at: new Date() })) !== 1) return undefined;
      return (await trx(TABLE).where({ code_hash }).first('account_id'))?.account_id;
    },

    /** Prepares the use of a code in a transaction of the caller. @returns a function that says whether it was valid */
    prepareConsume,

    /**
     * Uses a code up, in a separate transaction.
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
