import type { Provider } from 'oidc-provider';

interface LogoutClient {
  clientId: string;
  backchannelLogoutUri?: string;
  backchannelLogout(accountId: string, sid?: string): Promise<void>;
}

/**
 * Signs a logout token for a client and sends it. Resolves with false, without sending, for a client that is unknown,
 * disabled, or has no address for logout tokens. Rejects when the client does not answer 200 or 204.
 */
export type LogoutTokenSender = (clientId: string, accountId: string, sid?: string) => Promise<boolean>;

/**
 * The engine sends logout tokens while the user waits for the sign-out.
 * @param defer is called in its place
 * @returns the engine's own function
 */
export function replaceBackchannelLogout(
  provider: Provider,
  defer: (clientId: string, accountId: string, sid?: string) => void,
): LogoutTokenSender {
  const { prototype } = provider.Client as unknown as { prototype: LogoutClient };
  const { backchannelLogout } = prototype;
  prototype.backchannelLogout = async function (accountId, sid) {
    defer(this.clientId, accountId, sid);
  };
  return async (clientId, accountId, sid) => {
    const client = (await provider.Client.find(clientId)) as LogoutClient | undefined;
    if (!client?.backchannelLogoutUri) return false;
    await backchannelLogout.call(client, accountId, sid);
    return true;
  };
}
