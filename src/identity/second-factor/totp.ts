import type { Knex } from 'knex';
import { Secret, TOTP } from 'otpauth';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';

const TABLE = 'T_totp_secrets';
const PERIOD = 30;
/** One step early or late: clocks differ (RFC 6238 section 5.2). */
const WINDOW = 1;
const GUESSES = 5;
const GUESSES_MS = 15 * 60_000;

const place = (id: string) => ({ table: TABLE, column: 'secret_sealed', id });

/** Codes of an app on a phone (RFC 6238). */
export function createTotp(deps: { knex: Knex; secrets: Secrets; issuer: string }) {
  const { knex, secrets } = deps;
  const label = new URL(deps.issuer).host;

  const of = (secret: string, username = '') =>
    new TOTP({ issuer: label, label: username, secret: Secret.fromBase32(secret), period: PERIOD });

  interface Row {
    id: string;
    secret_sealed: string;
    confirmed_at: unknown;
  }
  const find = (accountId: string) =>
    knex(TABLE)
      .where({ account_id: accountId })
      .first<Row | undefined>('id', 'secret_sealed', 'confirmed_at');

  /**
   * Counts a guess before it is looked at: of a thousand at once five go on. @returns whether this one does
   */
  async function reserveGuess(id: string): Promise<boolean> {
    const now = new Date();
    const begun = await knex(TABLE)
      .where({ id })
      .where('guesses_expire_at', '<=', now)
      .update({ guesses: 1, guesses_expire_at: new Date(now.getTime() + GUESSES_MS) });
    if (begun === 1) return true;
    return (await knex(TABLE).where({ id }).where('guesses', '<', GUESSES).increment('guesses', 1)) === 1;
  }

  /** One statement uses the step up: a code that somebody saw over the shoulder is good no more. */
  async function accept(trx: Knex, row: Row, typed: string, set: Record<string, unknown>): Promise<boolean> {
    const totp = of(secrets.open(row.secret_sealed, place(row.id)));
    const delta = totp.validate({ token: typed.replace(/\s/g, ''), window: WINDOW });
    if (delta === null) return false;
    const step = totp.counter() + delta;
    const used = await trx(TABLE)
      .where({ id: row.id })
      .where((either) => either.whereNull('last_step').orWhere('last_step', '<', step))
      .update({ last_step: step, guesses: 0, ...set });
    return used === 1;
  }

  return {
    /** Whether an app is set up and confirmed. */
    async isOn(accountId: string): Promise<boolean> {
      const row = await find(accountId);
      return row !== undefined && row.confirmed_at !== null;
    },

    /**
     * A secret that waits for its first code; an earlier one that nobody confirmed goes.
     * @returns what the QR code says (otpauth URI), and the secret for who types it
     * @throws LatchkeyError conflict when an app is set up already
     */
    async begin(accountId: string, username: string): Promise<{ uri: string; secret: string }> {
      const id = uuidv7();
      const secret = new Secret({ size: 20 }).base32;
      const row = {
        id,
        created_at: new Date(),
        account_id: accountId,
        secret_sealed: secrets.seal(secret, place(id)),
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
      return { uri: of(secret, username).toString(), secret };
    },

    /** The first code shows that the app has the secret. @returns whether it does */
    async confirm(accountId: string, typed: string, from?: Origin): Promise<boolean> {
      const row = await find(accountId);
      if (!row || row.confirmed_at !== null || !(await reserveGuess(row.id))) return false;
      return inTransaction(knex, async (trx) => {
        const confirmed = await accept(trx, row, typed, { confirmed_at: new Date() });
        if (confirmed) await recordEventIn(trx, { action: 'totp.added', accountId }, from);
        return confirmed;
      });
    },

    /** @returns whether the code is right, was not used before, and was not guessed at too often */
    async verify(accountId: string, typed: string): Promise<boolean> {
      const row = await find(accountId);
      if (!row || row.confirmed_at === null || !(await reserveGuess(row.id))) return false;
      return accept(knex, row, typed, {});
    },

    /** @throws LatchkeyError not_found */
    remove: (accountId: string, from?: Origin): Promise<void> =>
      inTransaction(knex, async (trx) => {
        const gone = await trx(TABLE).where({ account_id: accountId }).delete();
        if (gone !== 1)
          throw new LatchkeyError('not_found', 'totp_not_found', 'There is no authenticator app here.');
        await recordEventIn(trx, { action: 'totp.removed', accountId }, from);
      }),
  };
}
