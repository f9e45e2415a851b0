import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { toDate } from '../../database/instants.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { jobRefreshTime } from '../refresh-times.ts';

const TABLE = 'T_oauth_tokens';

/** What a service answers when it gives or refreshes access. */
export interface UpstreamTokens {
  /** Or an API key. */
  accessToken: string;
  refreshToken?: string | undefined;
  tokenType: string;
  scope?: string | undefined;
  expiresAt?: Date | undefined;
}

/** The active credential of a connection, opened. Never printed, logged or stored. */
export interface VaultCredential extends UpstreamTokens {
  id: string;
  connectionId: string;
  accountId: string;
  service: string;
  /** Grows with each change of the tokens. */
  version: number;
  /** When a job refreshes it. After a failed refresh: before that, nobody asks the service again. */
  refreshDueAt: Date | undefined;
  /** How many refreshes in a row have failed. */
  failedRefreshes: number;
}

/** A row of the active credential, with its owner. */
export interface CredentialRow {
  id: string;
  user_provider_id: string;
  account_id: string;
  provider: string;
  access_token_sealed: string;
  refresh_token_sealed: string | null;
  token_type: string;
  scope: string | null;
  expires_at: Date | string | null;
  refresh_due_at: Date | string | null;
  failed_refreshes: number;
  version: number | string;
}

const SELECT = selectOne({
  columns:
    't.id, t.user_provider_id, p.account_id, p.provider, t.access_token_sealed, t.refresh_token_sealed, t.token_type, t.scope, t.expires_at, t.refresh_due_at, t.failed_refreshes, t.version',
  from: `${TABLE} t JOIN T_user_providers p ON p.id = t.user_provider_id`,
  where: sql`t.active_slot = ${'connection_id'}`,
});

/**
 * Where a token is sealed: the row, its connection and the person. Moved to another row, or its row to another connection
 * or person, it does not open.
 */
export const sealedAt = (
  column: 'access_token_sealed' | 'refresh_token_sealed',
  row: { id: string; connectionId: string; accountId: string },
) => ({ table: TABLE, column, id: `${row.id}/${row.connectionId}/${row.accountId}` });

type Place = { id: string; connectionId: string; accountId: string };

/** @returns the columns that hold the tokens, sealed for that row */
function sealTokens(secrets: Pick<Secrets, 'seal'>, place: Place, tokens: UpstreamTokens) {
  const { accessToken, refreshToken } = tokens;
  return {
    access_token_sealed: secrets.seal(accessToken, sealedAt('access_token_sealed', place)),
    refresh_token_sealed:
      refreshToken === undefined ? null : secrets.seal(refreshToken, sealedAt('refresh_token_sealed', place)),
    token_type: tokens.tokenType,
    scope: tokens.scope ?? null,
    expires_at: tokens.expiresAt ?? null,
  };
}

export async function readCredential(
  driver: Driver,
  connectionId: string,
): Promise<CredentialRow | undefined> {
  return (await driver.readOne(SELECT, { connection_id: connectionId })) as unknown as
    | CredentialRow
    | undefined;
}

/** @returns the active credentials of these connections, locked: a refresh that is being stored is waited for */
export async function lockCredentials(
  trx: Knex.Transaction,
  connections: { id: string; account_id: string; provider: string }[],
): Promise<CredentialRow[]> {
  // For no ids, knex writes `1 = 0`, and the plan is a scan of the table.
  if (connections.length === 0) return [];
  const byId = new Map(connections.map((one) => [one.id, one]));
  const rows: Omit<CredentialRow, 'account_id' | 'provider'>[] = await trx(TABLE)
    .whereIn('active_slot', [...byId.keys()])
    .forUpdate()
    .select('id', 'user_provider_id', 'access_token_sealed', 'refresh_token_sealed', 'token_type', 'scope')
    .select('expires_at', 'refresh_due_at', 'failed_refreshes', 'version');
  return rows.flatMap((row) => {
    const connection = byId.get(row.user_provider_id);
    return connection ? [{ ...row, account_id: connection.account_id, provider: connection.provider }] : [];
  });
}

/** @throws Error when a token was changed or moved, or its key is not in LATCHKEY_SECRETS */
export function openCredential(row: CredentialRow, secrets: Pick<Secrets, 'open'>): VaultCredential {
  const place = { id: row.id, connectionId: row.user_provider_id, accountId: row.account_id };
  return {
    ...place,
    service: row.provider,
    accessToken: secrets.open(row.access_token_sealed, sealedAt('access_token_sealed', place)),
    refreshToken:
      row.refresh_token_sealed === null
        ? undefined
        : secrets.open(row.refresh_token_sealed, sealedAt('refresh_token_sealed', place)),
    tokenType: row.token_type,
    scope: row.scope ?? undefined,
    expiresAt: row.expires_at === null ? undefined : toDate(row.expires_at),
    refreshDueAt: row.refresh_due_at === null ? undefined : toDate(row.refresh_due_at),
    failedRefreshes: row.failed_refreshes,
    version: Number(row.version),
  };
}

/** Ends the active credential of a connection and destroys its tokens. The row stays for the history. */
export async function endCredential(trx: Knex.Transaction, connectionId: string): Promise<void> {
  const now = new Date();
  await trx(TABLE).where({ active_slot: connectionId }).update({
    active_slot: null,
    access_token_sealed: null,
    refresh_token_sealed: null,
    is_active: false,
    refresh_due_at: null,
    lease_owner: null,
    lease_expires_at: null,
    ended_at: now,
    updated_at: now,
  });
}

/** Adds the active credential. The unique index refuses a second one. */
export async function insertCredential(
  trx: Knex.Transaction,
  secrets: Pick<Secrets, 'seal'>,
  owner: { connectionId: string; accountId: string },
  tokens: UpstreamTokens,
): Promise<void> {
  const id = uuidv7();
  await trx(TABLE).insert({
    id,
    created_at: new Date(),
    user_provider_id: owner.connectionId,
    active_slot: owner.connectionId,
    ...sealTokens(secrets, { id, ...owner }, tokens),
    is_active: true,
    version: 1,
    refresh_due_at: jobRefreshTime(tokens),
    failed_refreshes: 0,
    usage_count: 0,
  });
}

/**
 * Stores tokens that a refresh brought, and ends its lease. One conditional UPDATE: if the person has connected again, or
 * another server has taken the lease over and refreshed, the row is of another version.
 * @param tokens without a refresh token the old one is kept
 * @returns whether they were stored
 */
export async function replaceTokens(
  source: Knex,
  secrets: Pick<Secrets, 'seal'>,
  credential: VaultCredential,
  tokens: UpstreamTokens,
): Promise<boolean> {
  const { id, connectionId, version } = credential;
  const kept = { ...tokens, refreshToken: tokens.refreshToken ?? credential.refreshToken };
  // A refresh token that is kept is sealed again, so that what a server writes has the newest key as a whole.
  const { scope, ...columns } = sealTokens(secrets, credential, kept);
  const changed = await source(TABLE)
    .where({ id, active_slot: connectionId, version })
    .update({
      ...columns,
      ...(scope !== null && { scope }),
      version: version + 1,
      refresh_due_at: jobRefreshTime(kept),
      failed_refreshes: 0,
      lease_owner: null,
      lease_expires_at: null,
      updated_at: new Date(),
    });
  return changed > 0;
}

/** Adds uses that were noted since the last call. */
export async function addUses(source: Knex, connectionId: string, uses: number, last: Date): Promise<void> {
  await source(TABLE)
    .where({ active_slot: connectionId })
    .update({ last_used_at: last, usage_count: source.raw('usage_count + ?', [uses]) });
}
