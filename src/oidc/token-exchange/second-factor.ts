import type { KoaContextWithOIDC } from 'oidc-provider';
import type { EngineAccount } from '../claims.ts';
import type { EngineResource } from '../engine/grants.ts';
import type { SecondFactorPolicy } from '../second-factor-policy.ts';
import type { SubjectToken } from './presented-tokens.ts';
import { TokenRefused } from './refusals.ts';

/** The acr of the sign-in. A token without a resource does not carry it, so its session is asked. */
async function findAcr(
  { oidc }: KoaContextWithOIDC,
  { accountId, extra, sessionUid }: SubjectToken,
): Promise<string | undefined> {
  if (extra?.acr !== undefined || sessionUid === undefined) return extra?.acr;
  const session = await oidc.provider.Session.findByUid(sessionUid);
  return session?.accountId === accountId ? session.acr : undefined;
}

/**
 * An exchange leads to no API that the sign-in itself could not have led to (LATCHKEY_SECOND_FACTOR). The error is that of
 * RFC 9470: the API passes it on, and the application has its user sign in again. It could do nothing about `invalid_target`.
 * @throws TokenRefused insufficient_user_authentication
 */
export async function checkSecondFactor(
  ctx: KoaContextWithOIDC,
  policy: SecondFactorPolicy,
  exchange: { account: EngineAccount; subject: SubjectToken; target: EngineResource; scopes: string[] },
): Promise<void> {
  const { account, subject, target, scopes } = exchange;
  const isRequired = await policy.isRequired({
    account: { id: account.accountId, scopes: account.scopes },
    clientId: String(ctx.oidc.client?.clientId),
    scope: scopes.join(' '),
    resources: target.identifier(),
    acr: await findAcr(ctx, subject),
  });
  if (!isRequired) return;
  throw new TokenRefused(400, 'insufficient_user_authentication', {
    message: 'the resource needs a sign-in with a second factor; sign the user in again with acr_values=mfa',
    members: { acr_values: 'mfa' },
  });
}
