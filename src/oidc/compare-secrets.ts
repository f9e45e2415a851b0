import { timingSafeEqual } from 'node:crypto';
import type { Provider } from 'oidc-provider';
import { digest } from '../kit/ids.ts';
import { replaceSecretComparison } from './engine/internals.ts';

/** Secrets are stored as digests. Two may be valid at once, so that one can be rotated without an outage. */
export function compareSecretsByDigest(provider: Provider): void {
  replaceSecretComparison(provider, (stored = '', presented) => {
    const actual = Buffer.from(digest(presented));
    const accepted = stored.split(' ').map((hash) => Buffer.from(hash));
    return accepted.some((hash) => hash.length === actual.length && timingSafeEqual(hash, actual));
  });
}
