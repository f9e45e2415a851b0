import type { Provider } from 'oidc-provider';
import type { Logger } from '../../kit/log.ts';
import { reloadBeforeRefusal, replaceSigningKeys } from '../engine/keys.ts';
import type { SigningKeys } from './index.ts';

/** The keys are read at most once in this time, however many forged tokens are sent. */
const FRESH_MS = 1000;

/** @returns the job of a server: it rotates keys that are due, and uses what this or another server has changed */
export function createKeyRefresh(
  signingKeys: Pick<SigningKeys, 'refresh'>,
  provider: Provider,
  log: Logger,
): (now?: Date) => Promise<void> {
  let readAt = -FRESH_MS;
  let running = Promise.resolve();
  let lastFault = '';

  function logFault(error: Error): void {
    if (error.message !== lastFault) log.error({ event: 'signing_keys', err: error });
    lastFault = error.message;
  }

  async function read(now?: Date): Promise<void> {
    readAt = performance.now();
    const changed = await signingKeys.refresh(logFault, now);
    if (changed) replaceSigningKeys(provider, changed);
  }

  /** The refresh under way. They run one at a time, so that a later one never brings back what an earlier one has read. */
  function refresh(now?: Date): Promise<void> {
    running = running.catch(() => {}).then(() => read(now));
    return running;
  }
  reloadBeforeRefusal(provider, {
    fresh: () => performance.now() - readAt < FRESH_MS,
    refresh,
  });
  return refresh;
}
