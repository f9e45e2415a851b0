import { deleteFrom, insertInto, sql } from '../../database/statement-builders.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';

/**
 * The tokens that one authorization code led to, through any number of refreshes. A replay or a revocation ends one
 * family. It does not end the grant, which all sign-ins of an application in one session share (docs/decisions/0016).
 */
export interface Family {
  /** The id of the code's row. */
  id: string;
  accountId: string;
  clientId: string;
  grantId: string;
  /** The digest of the code or token that was presented, under which it is stored. */
  tokenHash: string;
}

const PRESENTED = 'oidc.presented-family';

/** Remembers the family of the code or token that this request presents. */
export function setPresentedFamily(unit: UnitOfWork, family: Family): void {
  unit.memory.set(PRESENTED, family);
}

export function findPresentedFamily(unit: UnitOfWork): Family | undefined {
  return unit.memory.get(PRESENTED) as Family | undefined;
}

const INSERT_REVOKED = insertInto(
  'T_revoked_tokens',
  [
    'id',
    'created_at',
    'token_hash',
    'reason',
    'client_id',
    'account_id',
    'family_id',
    'revoked_at',
    'expires_at',
  ],
  { onConflict: 'nothing' },
);

/** How long the record is kept: at least as long as any token that a request under way may still write. */
const RECORD_LIFETIME_MS = 365 * 86_400_000;

/** A code or token that was used twice, or that its application revoked. */
export interface RevokedToken {
  tokenHash: string;
  reason: 'code_replay' | 'refresh_token_reuse' | 'revoked';
  clientId?: string;
  accountId?: string;
  familyId?: string;
}

/** Writes the row of T_revoked_tokens; a later call for the same token replaces an earlier one of this request. */
export function insertRevokedToken(unit: UnitOfWork, token: RevokedToken): void {
  const now = new Date();
  const values = {
    id: uuidv7(),
    created_at: now,
    token_hash: token.tokenHash,
    reason: token.reason,
    client_id: token.clientId ?? null,
    account_id: token.accountId ?? null,
    family_id: token.familyId ?? null,
    revoked_at: now,
    expires_at: new Date(now.getTime() + RECORD_LIFETIME_MS),
  };
  unit.write({ statement: INSERT_REVOKED, values }, `T_revoked_tokens:${token.tokenHash}`);
}

/** Finds the rows by the index on the account: an index on the family would cost a write for every token. */
const OF_FAMILY = sql`account_id = ${'account_id'} AND family_id = ${'family_id'}`;
const REMOVE_TOKENS = [deleteFrom('T_access_tokens', OF_FAMILY), deleteFrom('T_refresh_tokens', OF_FAMILY)];
const REMOVE_CODE = deleteFrom(
  'T_authorization_codes',
  sql`account_id = ${'account_id'} AND id = ${'family_id'}`,
);

/**
 * Deletes the code and the tokens of a family. The row in T_revoked_tokens stays and marks the family as ended: a request
 * that lost a race may still write tokens of the family, and every read of a token looks for that row.
 */
export function revokeFamily(unit: UnitOfWork, family: Family, reason: RevokedToken['reason']): void {
  const { id: familyId, accountId, clientId, tokenHash } = family;
  insertRevokedToken(unit, { tokenHash, reason, clientId, accountId, familyId });
  for (const [index, statement] of [...REMOVE_TOKENS, REMOVE_CODE].entries())
    unit.write(
      { statement, values: { account_id: accountId, family_id: familyId } },
      `family:${familyId}:${index}`,
    );
}
