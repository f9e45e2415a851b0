import type { Provider } from 'oidc-provider';

interface SidClient {
  includeSid(): unknown;
}

/**
 * The engine writes `sid`, which names the session, into the ID tokens of clients that receive logout tokens.
 * @param needsSid whether another client's ID tokens have it too
 */
export function addSidToIdTokens<Client>(provider: Provider, needsSid: (client: Client) => boolean): void {
  const { prototype } = provider.Client as unknown as { prototype: SidClient };
  const { includeSid } = prototype;
  prototype.includeSid = function () {
    return Boolean(includeSid.call(this)) || needsSid(this as Client);
  };
}
