import type { Provider } from 'oidc-provider';
import { isLoopback } from './clients/redirect-uris.ts';
import { addToGrantPayload } from './engine/grant-payload.ts';

type Grant = InstanceType<Provider['Grant']>;

/** A grant that remembers what its user was shown. */
type ShownGrant = Grant & { shownTarget?: string };

/** Lets grants keep where the consent page said that the user returns. Call it before the first grant is made. */
export const keepShownTargets = (provider: Provider): void => addToGrantPayload(provider, 'shownTarget');

/**
 * Where the consent page says that the user returns: an origin, the own device, or a private-use URI.
 * @param redirectUri undefined for a device, which polls
 */
function targetOf(redirectUri: string | undefined): string {
  if (redirectUri === undefined) return 'device';
  if (isLoopback(redirectUri)) return 'loopback';
  const origin = URL.parse(redirectUri)?.origin;
  return origin && origin !== 'null' ? origin : redirectUri;
}

/** Records in a new grant where its user was shown that the code goes. */
export function setShownTarget(grant: Grant, redirectUri: string | undefined): void {
  (grant as ShownGrant).shownTarget = targetOf(redirectUri);
}

/** Whether the user of the grant was shown this target. False for a grant from before targets were kept. */
export const wasShown = (grant: Grant, redirectUri: string | undefined): boolean =>
  (grant as ShownGrant).shownTarget === targetOf(redirectUri);
