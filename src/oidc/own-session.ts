import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { OWN_CLIENT_ID } from './clients/own-client.ts';
import type { SecondFactorPolicy } from './second-factor-policy.ts';

interface OwnSessionDeps {
  provider: Provider;
  findAccount(accountId: string): Promise<{ scopes: string[] } | undefined>;
  secondFactorPolicy: SecondFactorPolicy;
}

/** A browser's session as our own pages see it; without `accountId` the browser is signed out. */
interface OwnSession {
  accountId?: string;
  uid: string;
}

/**
 * @returns a function that finds the session of a browser for our own pages. A session that began before the policy required
 *   a second factor counts as signed out, so that its user signs in again.
 */
export function createOwnSessionFinder({ provider, findAccount, secondFactorPolicy }: OwnSessionDeps) {
  return async (ctx: Context): Promise<OwnSession> => {
    const { accountId, uid, acr } = await provider.Session.get(ctx);
    const account = accountId ? await findAccount(accountId) : undefined;
    if (!accountId || !account) return { accountId, uid };
    const lacksFactor = await secondFactorPolicy.isRequired({
      account: { id: accountId, scopes: account.scopes },
      clientId: OWN_CLIENT_ID,
      acr,
    });
    return lacksFactor ? { uid } : { accountId, uid };
  };
}

/** @returns a function that says how the user of a browser has signed in */
export const createSignInFacts = (provider: Provider) => async (ctx: Context) => {
  const { acr, amr, loginTs, uid } = await provider.Session.get(ctx);
  return { acr, amr, authTime: loginTs, sessionUid: uid };
};
