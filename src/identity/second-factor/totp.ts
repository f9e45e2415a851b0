import type { Knex } from 'knex';
import { Secret, TOTP } from 'otpauth';
import { recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import type { CodeAttempts } from './code-attempts.ts';

const TABLE = 'T_totp_secrets';
const PERIOD_SECONDS = 30;
/** Accepts the code of one step earlier or later, because clocks differ (RFC 6238 section 5.2). */
const ACCEPTED_STEPS_AROUND = 1;
const SECRET_BYTES = 20;

/** For how long a secret that waits for its first code is shown again: somebody may have seen it at an unattended browser. */
const SHOWN_AGAIN_MS = 900_000;

interface Row {
  id: string;
  created_at: string | Date;
  secret_sealed: string;
  confirmed_at: unknown;
}

/**
 * Where a secret is sealed to, so that it does not open in another row or column. While it waits for its first code it
 * opens only for the session or sign-in that it was shown to: nobody confirms a secret that someone else has seen.
 */
const placeOf = (id: string, waitsFor?: SignedInBy) => ({
  table: TABLE,
  column: 'secret_sealed',
  id: waitsFor ? `${id} ${JSON.stringify(waitsFor)}` : id,
});

export interface TotpDeps {
  knex: Knex;
  secrets: Secrets;
  /** Its host is the name that an authenticator app shows. */
  issuer: string;
  attempts: CodeAttempts;
  /** Mails the owner of the account, after the response. */
  notify(accountId: string, event: 'totp_added' | 'totp_removed'): void;
  /** @throws LatchkeyError unauthenticated when the session or sign-in has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
}

/** Codes of an authenticator app (RFC 6238). */
export function createTotp(deps: TotpDeps) {
  const { knex, secrets, attempts } = deps;
  const host = new URL(deps.issuer).host;

  const toTotp = (secret: string, username = '') =>
    new TOTP({ issuer: host, label: username, secret: Secret.fromBase32(secret), period: PERIOD_SECONDS });

  const find = (accountId: string, source: Knex = knex) =>
    source(TABLE)
      .where({ account_id: accountId })
      .first<Row | undefined>('id', 'created_at', 'secret_sealed', 'confirmed_at');

  /**
   * Uses up the time step of a right code, so that a code which somebody saw does not work again. The row count of one
   * UPDATE decides.
   * @param set more columns to write with it
   */
  async function consumeStep(
    trx: Knex.Transaction,
    row: { id: string; secret: string },
    typed: string,
    set: Record<string, unknown> = {},
  ): Promise<boolean> {
    const totp = toTotp(row.secret);
    const delta = totp.validate({ token: typed.replace(/\s/g, ''), window: ACCEPTED_STEPS_AROUND });
    if (delta === null) return false;
    const step = totp.counter() + delta;
    const consumed = await trx(TABLE)
      .where({ id: row.id })
      .where((either) => either.whereNull('last_step').orWhere('last_step', '<', step))
      .update({ last_step: step, ...set });
    return consumed === 1;
  }

  /** @returns the secret that waits for its first code, if it was shown to this session or sign-in */
  function openWaiting(row: Row, by: SignedInBy | undefined): string | undefined {
    try {
      return secrets.open(row.secret_sealed, placeOf(row.id, by));
    } catch {
      return undefined;
    }
  }

  return {
    /** Whether an app is set up and has shown a right code. */
    async isSetUp(accountId: string, source: Knex = knex): Promise<boolean> {
      const row = await find(accountId, source);
      return row !== undefined && row.confirmed_at !== null;
    },

    /**
     * Creates a secret that waits for its first code, or finds the one that this session or sign-in was shown before: a
     * mistyped code and a reload keep it. It replaces one that was shown elsewhere and never confirmed.
     * @param by the session or sign-in that the secret is shown to
     * @returns the otpauth URI for the QR code, and the secret in base32 for people who type it
     * @throws LatchkeyError conflict when an app is set up already
     */
    async startSetup(
      accountId: string,
      username: string,
      by?: SignedInBy,
    ): Promise<{ uri: string; secret: string }> {
      const waiting = await find(accountId);
      const isRecent = waiting && Date.now() - toDate(waiting.created_at).getTime() < SHOWN_AGAIN_MS;
      const known = isRecent && waiting.confirmed_at === null ? openWaiting(waiting, by) : undefined;
      if (known) return { uri: toTotp(known, username).toString(), secret: known };
      const id = uuidv7();
      const secret = new Secret({ size: SECRET_BYTES }).base32;
      const row = {
        id,
        created_at: new Date(),
        account_id: accountId,
        secret_sealed: secrets.seal(secret, placeOf(id, by)),
        // Read only by servers of an earlier version.
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

    /**
     * The first right code proves that the app has the secret.
     * @param options `by`: the session or sign-in of the user, which must not have ended
     * @returns whether it was right, and not one attempt too many
     */
    async confirmSetup(
      accountId: string,
      typed: string,
      options: { by?: SignedInBy; browserHash?: string; origin?: Origin } = {},
    ): Promise<boolean> {
      const { by, browserHash, origin } = options;
      const row = await find(accountId);
      const secret = row?.confirmed_at === null ? openWaiting(row, by) : undefined;
      if (!row || secret === undefined) return false;
      const attempt = await attempts.prepare({ accountId, browserHash });
      const isConfirmed = await inTransaction(knex, async (trx) => {
        if (by) await deps.assertSignedIn(trx, accountId, by);
        const confirmed = { confirmed_at: new Date(), secret_sealed: secrets.seal(secret, placeOf(row.id)) };
        const isConfirmed = await attempt(trx, () =>
          consumeStep(trx, { id: row.id, secret }, typed, confirmed),
        );
        if (isConfirmed) await recordEventIn(trx, { action: 'totp.added', accountId }, origin);
        return isConfirmed;
      });
      if (isConfirmed) deps.notify(accountId, 'totp_added');
      return isConfirmed;
    },

    /** @returns false when the code is wrong or was used before, or when there were too many attempts */
    async verify(accountId: string, typed: string, browserHash?: string): Promise<boolean> {
      const row = await find(accountId);
      if (!row || row.confirmed_at === null) return false;
      const attempt = await attempts.prepare({ accountId, browserHash });
      const secret = secrets.open(row.secret_sealed, placeOf(row.id));
      return inTransaction(knex, (trx) =>
        attempt(trx, () => consumeStep(trx, { id: row.id, secret }, typed)),
      );
    },

    /** @throws LatchkeyError not_found */
    async remove(accountId: string, origin?: Origin): Promise<void> {
      await inTransaction(knex, async (trx) => {
        const removed = await trx(TABLE).where({ account_id: accountId }).delete();
        if (removed !== 1)
          throw new LatchkeyError('not_found', 'totp_not_found', 'There is no authenticator app here.');
        await recordEventIn(trx, { action: 'totp.removed', accountId }, origin);
      });
      deps.notify(accountId, 'totp_removed');
    },
  };
}
