import type { Provider } from 'oidc-provider';
import type { Logger } from '../../kit/log.ts';
import { replaceSigningKeys } from '../engine-keys.ts';
import type { SigningKeys } from './index.ts';

/** @returns the job of a server: it rotates keys that are due, and uses what this or another server has changed */
export function createKeyRefresh(
  signingKeys: Pick<SigningKeys, 'refresh'>,
  provider: Provider,
  log: Logger,
): (now?: Date) => Promise<void> {
  let lastFault = '';
  const logFault = (error: Error) => {
    if (error.message !== lastFault) log.error({ event: 'signing_keys', err: error });
    lastFault = error.message;
  };
  return async (now) => {
    const changed = await signingKeys.refresh(logFault, now);
    if (changed) replaceSigningKeys(provider, changed);
  };
}
