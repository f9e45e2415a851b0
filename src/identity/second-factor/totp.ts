import type { Knex } from 'knex';
import { Secret, TOTP } from 'otpauth';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';

const TABLE = 'T_totp_secrets';
const PERIOD_SECONDS = 30;
/** Accepts the code of one step earlier or later, because clocks differ (RFC 6238 section 5.2). */
const WINDOW = 1;
const SECRET_BYTES = 20;
const MAX_ATTEMPTS = 5;
const ATTEMPTS_MS = 15 * 60_000;

interface Row {
  id: string;
  secret_sealed: string;
  confirmed_at: unknown;
}

/** Where a secret is sealed to, so that it does not open in another row or column. */
const placeOf = (id: string) => ({ table: TABLE, column: 'secret_sealed', id });

/** Codes of an authenticator app (RFC 6238). */
export function createTotp(deps: { knex: Knex; secrets: Secrets; issuer: string }) {
  const { knex, secrets } = deps;
  const host = new URL(deps.issuer).host;

  const toTotp = (secret: string, username = '') =>
    new TOTP({ issuer: host, label: username, secret: Secret.fromBase32(secret), period: PERIOD_SECONDS });

  const find = (accountId: string, source: Knex = knex) =>
    source(TABLE)
      .where({ account_id: accountId })
      .first<Row | undefined>('id', 'secret_sealed', 'confirmed_at');

  /**
   * Counts an attempt before its code is verified: of a thousand at once, five are allowed. The row stays locked until
   * the transaction ends, and a transaction that a crash or an outage ends has counted nothing.
   * @returns whether this one is allowed
   */
  async function countAttempt(trx: Knex.Transaction, id: string): Promise<boolean> {
    const now = new Date();
    const restarted = await trx(TABLE)
      .where({ id })
      .where('guesses_expire_at', '<=', now)
      .update({ guesses: 1, guesses_expire_at: new Date(now.getTime() + ATTEMPTS_MS) });
    if (restarted === 1) return true;
    const counted = await trx(TABLE)
      .where({ id })
      .where('guesses', '<', MAX_ATTEMPTS)
      .increment('guesses', 1);
    return counted === 1;
  }

  /**
   * Uses up the time step of a right code, so that a code which somebody saw does not work again. The row count of one
   * UPDATE decides.
   * @param set more columns to write with it
   */
  async function consumeStep(
    trx: Knex.Transaction,
    row: Row,
    typed: string,
    set: Record<string, unknown> = {},
  ): Promise<boolean> {
    const totp = toTotp(secrets.open(row.secret_sealed, placeOf(row.id)));
    const delta = totp.validate({ token: typed.replace(/\s/g, ''), window: WINDOW });
    if (delta === null) return false;
    const step = totp.counter() + delta;
    const consumed = await trx(TABLE)
      .where({ id: row.id })
      .where((either) => either.whereNull('last_step').orWhere('last_step', '<', step))
      .update({ last_step: step, guesses: 0, ...set });
    return consumed === 1;
  }

  return {
    /** Whether an app is set up and has shown a right code. */
    async isSetUp(accountId: string, source: Knex = knex): Promise<boolean> {
      const row = await find(accountId, source);
      return row !== undefined && row.confirmed_at !== null;
    },

    /**
     * Creates a secret that waits for its first code. It replaces one that was never confirmed.
     * @returns the otpauth URI for the QR code, and the secret in base32 for people who type it
     * @throws LatchkeyError conflict when an app is set up already
     */
    async startSetup(accountId: string, username: string): Promise<{ uri: string; secret: string }> {
      const id = uuidv7();
      const secret = new Secret({ size: SECRET_BYTES }).base32;
      const row = {
        id,
        created_at: new Date(),
        account_id: accountId,
        secret_sealed: secrets.seal(secret, placeOf(id)),
        guesses: 0,
        guesses_expire_at: new Date(),
      };
      try {
        await inTransaction(knex, async (trx) => {
          await trx(TABLE).where({ account_id: accountId }).whereNull('confirmed_at').delete();
          await trx(TABLE).insert(row);
        });
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        throw new LatchkeyError(
          'conflict',
          'totp_already_set_up',
          'An authenticator app is set up already. Remove it first.',
          { cause: error },
        );
      }
      return { uri: toTotp(secret, username).toString(), secret };
    },

    /** The first right code proves that the app has the secret. @returns whether it was right */
    async confirmSetup(accountId: string, typed: string, origin?: Origin): Promise<boolean> {
      const row = await find(accountId);
      if (!row || row.confirmed_at !== null) return false;
      return inTransaction(knex, async (trx) => {
        if (!(await countAttempt(trx, row.id))) return false;
        const isConfirmed = await consumeStep(trx, row, typed, { confirmed_at: new Date() });
        if (isConfirmed) await recordEventIn(trx, { action: 'totp.added', accountId }, origin);
        return isConfirmed;
      });
    },

    /** @returns false when the code is wrong or was used before, or when there were too many attempts */
    async verify(accountId: string, typed: string): Promise<boolean> {
      const row = await find(accountId);
      if (!row || row.confirmed_at === null) return false;
      return inTransaction(
        knex,
        async (trx) => (await countAttempt(trx, row.id)) && consumeStep(trx, row, typed),
      );
    },

    /** @throws LatchkeyError not_found */
    remove: (accountId: string, origin?: Origin): Promise<void> =>
      inTransaction(knex, async (trx) => {
        const removed = await trx(TABLE).where({ account_id: accountId }).delete();
        if (removed !== 1)
          throw new LatchkeyError('not_found', 'totp_not_found', 'There is no authenticator app here.');
        await recordEventIn(trx, { action: 'totp.removed', accountId }, origin);
      }),
  };
}
