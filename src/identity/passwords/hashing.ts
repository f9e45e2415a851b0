import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Secrets } from '../../kit/secrets.ts';

/** The work factor of bcrypt. docs/DATABASE.md names it. */
export const BCRYPT_COST = 12;

/** How a hash of the present cost begins. The salt follows, in the Base64 of bcrypt. */
const CURRENT = `$2b$${BCRYPT_COST}$`;
const SALT_LENGTH = 22;
const DIGEST_LENGTH = 31;

/** How many may wait for each hash that runs: a few seconds' worth. */
const WAITING_PER_THREAD = 24;

/** Runs at most `limit` tasks at once. @throws LatchkeyError unavailable when `maxWaiting` tasks wait already */
function createQueue(limit: number, maxWaiting: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(task: () => Promise<T>): Promise<T> => {
    if (waiting.length >= maxWaiting) {
      throw new LatchkeyError(
        'unavailable',
        'password_checks_overloaded',
        'Too many people are signing in at the moment. Try again in a few seconds.',
      );
    }
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

type StoredHash = string | undefined;

export interface PasswordHashing {
  /** @returns the value of the column `password_hash`: `<pepper id>:<bcrypt>` @throws as `verify` */
  hash(password: string): Promise<string>;
  /**
   * @param stored undefined for an unknown account, which gives false after the same work. A function is called when
   *   the queue has come to this password, so that a rejected one has not used up an attempt
   * @throws LatchkeyError unavailable when too many passwords wait
   */
  verify(password: string, stored: StoredHash | (() => Promise<StoredHash>)): Promise<boolean>;
  /** Whether this server has the secret that the hash was made with. Another one may have a newer secret already. */
  canVerify(stored: string): boolean;
  /**
   * The hash to store after `password` was found to match `stored`: with the present pepper and cost, and the same salt. Two
   * sign-ins at once therefore give the same hash, and neither takes the other for a change of the password.
   * @returns `stored` itself while it is current @throws as `verify`
   */
  renew(password: string, stored: string): Promise<string>;
}

/**
 * Hashes with bcrypt over HMAC-SHA-256 keyed by a pepper. The HMAC is there because bcrypt reads only 72 bytes and
 * stops at NUL; the pepper, because passwords in a stolen dump then cannot be guessed without the server's secrets.
 * @param threads the size of libuv's thread pool. Token signing uses it too, so two threads and one core stay free
 */
export function createPasswordHashing(secrets: Secrets, threads = 4): PasswordHashing {
  const limit = Math.max(1, Math.min(availableParallelism() - 1, threads - 2));
  const queued = createQueue(limit, limit * WAITING_PER_THREAD);
  const applyPepper = (password: string, pepper: Buffer) =>
    createHmac('sha256', pepper).update(password.normalize('NFKC')).digest('base64');
  const noPepper = Buffer.alloc(32);
  // Has the cost of a real hash, so that an unknown account takes as long. It is put together, because making it would
  // take a fifth of a second of CPU at each start and in each command.
  const decoy = bcrypt.genSaltSync(BCRYPT_COST) + '.'.repeat(DIGEST_LENGTH);

  async function hashWith(password: string, costOrSalt: number | string): Promise<string> {
    const pepper = secrets.pepper(secrets.pepperId) as Buffer;
    const hash = await queued(() => bcrypt.hash(applyPepper(password, pepper), costOrSalt));
    return `${secrets.pepperId}:${hash}`;
  }

  return {
    hash: (password) => hashWith(password, BCRYPT_COST),
    canVerify: (stored) => secrets.pepper(stored.split(':')[0] ?? '') !== undefined,
    async renew(password, stored) {
      if (stored.startsWith(`${secrets.pepperId}:${CURRENT}`)) return stored;
      const salt = stored.split('$').at(-1)?.slice(0, SALT_LENGTH) ?? '';
      return hashWith(password, CURRENT + salt);
    },
    verify(password, stored) {
      return queued(async () => {
        const known = typeof stored === 'function' ? await stored() : stored;
        const [pepperId = '', hash] = known?.split(':') ?? [];
        const pepper = secrets.pepper(pepperId);
        const compared = hash && pepper ? hash : decoy;
        const matches = await bcrypt.compare(applyPepper(password, pepper ?? noPepper), compared);
        return matches && compared === hash;
      });
    },
  };
}
