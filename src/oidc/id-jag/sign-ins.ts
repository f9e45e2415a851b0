import type { Provider } from 'oidc-provider';
import { selectOne, sql } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';

/** The text of `authorizations` has spaces on some engines, so the whole of it is compared after it is read. */
const SELECT_SESSION = selectOne<'account_id' | 'sid_pattern' | 'now'>({
  columns: 'authorizations',
  from: 'T_user_sessions',
  where: sql`account_id = ${'account_id'} AND is_active = true AND expires_at > ${'now'} AND authorizations LIKE ${'sid_pattern'}`,
});

/**
 * Whether the sign-in that an ID token reports goes on: its session is live, and the user has not taken the application's
 * access back.
 * @param signIn `sid` of the ID token (OpenID Connect Back-Channel Logout section 2.4)
 */
export async function isSignInLive(
  provider: Provider,
  signIn: { accountId: string; clientId: string; sid: string },
): Promise<boolean> {
  const row = await currentUnit().readOne(SELECT_SESSION, {
    account_id: signIn.accountId,
    sid_pattern: `%"${signIn.sid}"%`,
    now: new Date(),
  });
  if (!row) return false;
  const authorizations = JSON.parse(String(row.authorizations)) as Record<
    string,
    { sid?: string; grantId?: string } | null
  >;
  const { sid, grantId } = authorizations[signIn.clientId] ?? {};
  return sid === signIn.sid && grantId !== undefined && (await provider.Grant.find(grantId)) !== undefined;
}
