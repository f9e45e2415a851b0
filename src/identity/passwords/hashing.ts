import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Secrets } from '../../kit/secrets.ts';

/** The documented work factor. */
export const COST = 12;

/**
 * bcrypt and token signing share libuv's threads and the cores: one core stays free, and who would wait longer
 * than a few seconds is sent away instead.
 */
function createQueue(limit: number, longest: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= longest) {
      throw new LatchkeyError(
        'unavailable',
        'password_checks_overloaded',
        'Too many people are signing in just now. Try again in a moment.',
      );
    }
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

type Stored = string | undefined;

export interface Passwords {
  /** @returns what `password_hash` holds: `<pepper id>:<bcrypt>` */
  hash(password: string): Promise<string>;
  /**
   * @param stored undefined for an unknown account: takes as long and is false. A function is asked when the turn has
   *   come, so that whoever is sent away from the queue has spent nothing
   */
  verify(password: string, stored: Stored | (() => Promise<Stored>)): Promise<boolean>;
  /** Whether a stored hash was made with an older pepper or cost. */
  isStale(stored: string): boolean;
}

/**
 * bcrypt over HMAC-SHA-256 with a pepper: bcrypt alone sees 72 bytes and stops at NUL; and a stolen dump cannot
 * be guessed at without the key ring.
 * @param threads the size of libuv's pool
 */
export function createPasswords(secrets: Secrets, threads = 4): Passwords {
  const limit = Math.max(1, Math.min(availableParallelism() - 1, threads - 2));
  const queued = createQueue(limit, limit * 24);
  const peppered = (password: string, pepper: Buffer) =>
    createHmac('sha256', pepper).update(password.normalize('NFKC')).digest('base64');
  // Of the same cost as a real one, so that an unknown account takes as long.
  const decoy = bcrypt.hash(peppered('decoy', Buffer.alloc(32)), COST);

  return {
    async hash(password) {
      const pepper = secrets.pepper(secrets.pepperId) as Buffer;
      return `${secrets.pepperId}:${await queued(() => bcrypt.hash(peppered(password, pepper), COST))}`;
    },
    verify(password, stored) {
      return queued(async () => {
        const known = typeof stored === 'function' ? await stored() : stored;
        const [id = '', hash] = known?.split(':') ?? [];
        const pepper = secrets.pepper(id);
        const against = hash && pepper ? hash : await decoy;
        const matches = await bcrypt.compare(peppered(password, pepper ?? Buffer.alloc(32)), against);
        return matches && against === hash;
      });
    },
    isStale: (stored) => !stored.startsWith(`${secrets.pepperId}:$2b$${COST}$`),
  };
}
