import type { Provider } from 'oidc-provider';
import { selectOne, sql } from '../database/statement-builders.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Secrets } from '../kit/secrets.ts';
import { readOwnJwt } from './engine/keys.ts';
import { acceptIntrospectedJwts } from './engine/requests.ts';
import { openAccount } from './sealed-account.ts';

const SELECT_GRANT = selectOne({
  columns: 'id',
  from: 'T_grants',
  where: sql`account_id = ${'account_id'} AND client_id = ${'client_id'} AND revoked_at IS NULL`,
});

/** The claims of our own access tokens that are JWTs (RFC 9068), which this server has signed. */
interface AccessTokenClaims {
  sub: string;
  client_id: string;
  aud: string;
  exp: number;
  iat: number;
  jti: string;
  scope?: string;
  cnf?: { jkt?: string; 'x5t#S256'?: string };
  auth_time?: number;
  acr?: string;
  amr?: string[];
  authorization_details?: object[];
  /** The application that acts for the user, of a token that was exchanged (RFC 8693 section 4.1). */
  act?: object;
}

/**
 * Whether the account still allows the application anything. A JWT does not name its grant, and one that ended with its
 * session alone is not noticed: that token lives a few minutes more. Nor is the withdrawal of a grant that another
 * application had, for which this one acts.
 */
async function isAllowed({ client_id, act }: AccessTokenClaims, accountId?: string): Promise<boolean> {
  // The token of a service, which acts for nobody.
  if (accountId === undefined || act) return true;
  return (await currentUnit().readOne(SELECT_GRANT, { account_id: accountId, client_id })) !== undefined;
}

/** The claims of a JWT, by the names that they have in a stored access token. */
function toMembers({ client_id, cnf, ...claims }: AccessTokenClaims, accountId?: string): object {
  const { aud, exp, iat, jti, scope, auth_time, acr, amr, act, authorization_details: rar } = claims;
  const extra = { auth_time, acr, amr, act };
  return { aud, exp, iat, jti, scope, accountId, clientId: client_id, rar, ...cnf, extra };
}

/**
 * Introspection of JWTs (RFC 7662). One that this server did not issue, or that has expired, is `active: false`, like any
 * text that is not a token. One of ours is read like a stored token, so that an API may ask about every token it gets.
 */
export function introspectJwts(provider: Provider, secrets: Pick<Secrets, 'open'>): void {
  acceptIntrospectedJwts(provider, async (jwt) => {
    const claims = (await readOwnJwt(provider, jwt, 'at+jwt')) as AccessTokenClaims | undefined;
    const client = claims && (await provider.Client.find(claims.client_id));
    if (!claims || !client) return undefined;
    if (claims.sub === claims.client_id) return toMembers(claims);
    const accountId = client.subjectType === 'pairwise' ? openAccount(secrets, { ...claims }) : claims.sub;
    if (accountId === undefined) return undefined;
    return (await isAllowed(claims, accountId)) ? toMembers(claims, accountId) : undefined;
  });
}
