import { hkdfSync } from 'node:crypto';
import { randomToken, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { type HashedCode, hashedCode } from './codes.ts';

/**
 * Lets a form create its invitations only once: it decides their ids and codes. A form that is sent again, as by a reload,
 * creates nothing twice and shows the same codes. These come from the key and from a secret of this server, so the codes
 * are still stored as digests alone, and somebody who sees the form before it is sent cannot compute them.
 */
export const newBatchKey = () => `${uuidv7()}.${randomToken()}`;

/** The most that one key has ids for. */
const MAX_COUNT = 0x1000;

/** The part of its id that an invitation shares with the others of its batch. */
export const BATCH_PREFIX_LENGTH = 33;

/** The smallest and the largest id of the batch that an invitation belongs to. */
export const batchRange = (id: string): [first: string, last: string] => [
  `${id.slice(0, BATCH_PREFIX_LENGTH)}000`,
  `${id.slice(0, BATCH_PREFIX_LENGTH)}fff`,
];

/** @param key of `newBatchKey` @returns invitations that can be created with it, always the same ones, in the order of their ids */
export function batchOf(
  secrets: Pick<Secrets, 'csrfToken'>,
  key: string,
  count: number,
): (HashedCode & { id: string })[] {
  if (count > MAX_COUNT) throw new RangeError(`A batch has at most ${MAX_COUNT} invitations.`);
  const [firstId = ''] = key.split('.');
  const seed = secrets.csrfToken(`invitations ${key}`);
  return Array.from({ length: count }, (_, index) => ({
    id: `${firstId.slice(0, BATCH_PREFIX_LENGTH)}${index.toString(16).padStart(3, '0')}`,
    ...hashedCode((bytes) => Buffer.from(hkdfSync('sha256', seed, 'latchkey', `invitation ${index}`, bytes))),
  }));
}
