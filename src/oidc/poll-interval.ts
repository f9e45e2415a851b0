import { errors, type Provider } from 'oidc-provider';
import { digest } from '../kit/ids.ts';
import { onPoll } from './engine/requests.ts';

/** How long an application waits between two polls (RFC 8628 section 3.2, CIBA Core section 7.3). */
export const POLL_INTERVAL_SECONDS = 5;
/** If the first of two polls was delayed on its way, they arrive less than the interval apart. */
const SHORTEST_GAP_MS = (POLL_INTERVAL_SECONDS - 1) * 1000;

/**
 * Answers `slow_down` to a poll that comes too soon after the last one, of a device or of a request without a browser. Each server
 * counts by itself and in memory: a write for each poll would cost more than the polls that it prevents. An application that is
 * always too fast is still answered every few seconds.
 */
export function slowDownPolls(provider: Provider): void {
  /** When each code was last polled, by its digest; the oldest first. */
  const polls = new Map<string, number>();
  onPoll(provider, ({ jti, clientId, kind, grantId, error }, { oidc }) => {
    if (clientId !== oidc.client?.clientId) return;
    // An application that was pinged asks at once, whenever it asked before.
    if (kind === 'BackchannelAuthenticationRequest' && (grantId !== undefined || error !== undefined)) return;
    const now = performance.now();
    for (const [key, at] of polls) {
      if (now - at < SHORTEST_GAP_MS) break;
      polls.delete(key);
    }
    const key = digest(jti);
    if (polls.has(key)) throw new errors.SlowDown();
    polls.set(key, now);
  });
}
