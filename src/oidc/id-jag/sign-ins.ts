import type { Provider } from 'oidc-provider';
import { parseScopes } from '../../access/scopes.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';

/** The text of `authorizations` has spaces on some engines, so the whole of it is compared after it is read. */
const SELECT_SESSION = selectOne<'account_id' | 'sid_pattern' | 'now'>({
  columns: 'authorizations',
  from: 'T_user_sessions',
  where: sql`account_id = ${'account_id'} AND is_active = true AND expires_at > ${'now'} AND authorizations LIKE ${'sid_pattern'}`,
});

/**
 * Finds what the user allowed the application in the sign-in that an ID token reports.
 * @param signIn `sid` of the ID token (OpenID Connect Back-Channel Logout section 2.4)
 * @returns the scopes; undefined when the session has ended, or the user has taken the application's access back
 */
export async function findGrantedScopes(
  provider: Provider,
  signIn: { accountId: string; clientId: string; sid: string },
): Promise<string[] | undefined> {
  const row = await currentUnit().readOne(SELECT_SESSION, {
    account_id: signIn.accountId,
    sid_pattern: `%"${signIn.sid}"%`,
    now: new Date(),
  });
  if (!row) return undefined;
  const authorizations = JSON.parse(String(row.authorizations)) as Record<
    string,
    { sid?: string; grantId?: string } | null
  >;
  const { sid, grantId } = authorizations[signIn.clientId] ?? {};
  if (sid !== signIn.sid || grantId === undefined) return undefined;
  const grant = await provider.Grant.find(grantId);
  return grant && parseScopes(grant.getOIDCScope());
}
