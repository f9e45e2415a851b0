import type { Knex } from 'knex';
import { type IRateLimiterStoreOptions, RateLimiterRes } from 'rate-limiter-flexible';
// The documentation says to extend this class for a custom store, but the index does not export it.
import RateLimiterStoreAbstract from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import { withDeadline } from '../../database/driver/deadline.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction } from '../../database/transaction.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';

const TABLE = 'T_rate_limits';

interface Points {
  points: number;
  expires_at: unknown;
}

/** How far the clocks of two servers may differ. */
const CLOCK_SLACK_MS = 3_600_000;

/** If `expires_at` is further away than the limit is long, a wrong clock wrote it. Such rows count as expired. */
const latestExpiry = (expiresAt: Date) => new Date(expiresAt.getTime() + CLOCK_SLACK_MS);

/** Adds to the count, or starts it again if its time is over. MySQL assigns from left to right, so the time comes last. */
function counted(source: Knex, { points, expires_at }: { points: number; expires_at: Date }, now: Date) {
  const over = `CASE WHEN ${TABLE}.expires_at <= ? OR ${TABLE}.expires_at > ?`;
  const times = [now, latestExpiry(expires_at)];
  return {
    points: source.raw(`${over} THEN ? ELSE ${TABLE}.points + ? END`, [...times, points, points]),
    expires_at: source.raw(`${over} THEN ? ELSE ${TABLE}.expires_at END`, [...times, expires_at]),
  };
}

/**
 * A store for rate-limiter-flexible in our own table, the same on every engine. The stores that it brings create their own
 * tables, in one dialect each. Keys are stored as digests.
 */
export class DatabaseLimiter extends RateLimiterStoreAbstract {
  readonly #knex: Knex;

  readonly #failed: (error: unknown) => void;

  /** @param options `failed` gets the error when the insurance limiter takes over, which the library does not report */
  constructor(options: IRateLimiterStoreOptions & { storeClient: Knex; failed: (error: unknown) => void }) {
    super(options);
    this.#knex = options.storeClient;
    this.#failed = options.failed;
  }

  async #timely<T>(work: PromiseLike<T>): Promise<T> {
    try {
      return await withDeadline(Promise.resolve(work));
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** One statement counts and returns the count. MySQL has no RETURNING, so there a SELECT in the same transaction reads it. */
  async _upsert(key: string, points: number, msDuration: number, forceExpire = false): Promise<Points> {
    const now = new Date();
    const fresh = { points, expires_at: new Date(now.getTime() + msDuration) };
    const row = { id: uuidv7(), created_at: now, key_hash: digest(key), ...fresh };
    const upsert = (source: Knex) =>
      source(TABLE)
        .insert(row)
        .onConflict('key_hash')
        .merge(forceExpire ? fresh : counted(source, fresh, now));
    return this.#timely(
      (async () => {
        if (this.#knex.client.driverName !== 'mysql2') {
          const [written] = await upsert(this.#knex).returning(['points', 'expires_at']);
          return written as Points;
        }
        const count = async (trx: Knex.Transaction) => {
          await upsert(trx);
          return (await trx(TABLE).where({ key_hash: row.key_hash }).first('points', 'expires_at')) as Points;
        };
        return inTransaction(this.#knex, count, { isRepeatable: true });
      })(),
    );
  }

  async _get(key: string): Promise<Points | null> {
    const found = this.#knex(TABLE)
      .where({ key_hash: digest(key) })
      .where('expires_at', '>', new Date())
      .where('expires_at', '<=', latestExpiry(new Date(Date.now() + this.msDuration)))
      .first('points', 'expires_at');
    return (await this.#timely(found)) ?? null;
  }

  async _delete(key: string): Promise<boolean> {
    const gone = this.#knex(TABLE)
      .where({ key_hash: digest(key) })
      .delete();
    return (await this.#timely(gone)) > 0;
  }

  _getRateLimiterRes(_key: string, changed: number, { points, expires_at }: Points): RateLimiterRes {
    const left = Math.max(toDate(expires_at).getTime() - Date.now(), 0);
    return new RateLimiterRes(Math.max(this.points - points, 0), left, points, points === changed);
  }
}
