import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { currentUnit } from '../../database/unit-of-work.ts';
import { type LogoutTokenSender, replaceBackchannelLogout } from '../engine/logout.ts';
import { addDelivery, addEndedSession } from './store.ts';

/**
 * Makes a sign-out leave rows for its clients, in the commit that ends the session. The engine itself would send the logout
 * tokens before it answers, and wait for every client.
 * @returns the engine's own function, which sends a logout token to a client (OpenID Connect Back-Channel Logout 1.0 section 2.5)
 */
export function deferLogoutTokens(provider: Provider): LogoutTokenSender {
  provider.on('end_session.success', ({ oidc }: KoaContextWithOIDC) => {
    const { session } = oidc;
    if (session?.accountId && oidc.params?.logout) addEndedSession(currentUnit(), session.uid);
  });
  return replaceBackchannelLogout(provider, (clientId, accountId, sid) => {
    const { oidc } = Provider.ctx ?? {};
    // The whole session ends, and all of its clients learn of it.
    if (!oidc?.session || oidc.params?.logout) return;
    addDelivery(currentUnit(), {
      session_uid: oidc.session.uid,
      account_id: accountId,
      client_id: clientId,
      sid: sid ?? null,
    });
  });
}
