import type { Knex } from 'knex';
import { digest, uuidv7 } from '../../kit/ids.ts';

const TOKENS = 'T_oauth_tokens';
const LOG = 'T_token_refresh_log';

/** Much longer than a request to a token endpoint may take, so that its answer can be stored also when the database pauses. */
const LEASE_MS = 60_000;

/** The version of a credential that is to be refreshed. */
interface Version {
  id: string;
  connectionId: string;
  version: number;
}

const whereVersion = (source: Knex, { id, connectionId, version }: Version) =>
  source(TOKENS).where({ id, active_slot: connectionId, version });

/**
 * Takes the right to refresh that version. One conditional UPDATE decides, also between servers. No lock is held while the
 * service is asked; a process that is killed only delays the next one until the lease ends.
 */
export async function takeLease(source: Knex, credential: Version, owner: string): Promise<boolean> {
  const now = new Date();
  const changed = await whereVersion(source, credential)
    .where((query) => query.whereNull('lease_expires_at').orWhere('lease_expires_at', '<=', now))
    .update({ lease_owner: owner, lease_expires_at: new Date(now.getTime() + LEASE_MS) });
  return changed > 0;
}

/**
 * Gives the lease back after a refresh that failed.
 * @param outcome `owner`: the id with which the lease was taken; `retryAt`: when the job tries again, or undefined for never
 * @returns false if another request or job has since taken the lease, or if the credential has changed
 */
export async function endLease(
  source: Knex,
  credential: Version,
  outcome: { owner: string; failures: number; retryAt: Date | undefined },
): Promise<boolean> {
  const changed = await whereVersion(source, credential)
    .where({ lease_owner: outcome.owner })
    .update({
      lease_owner: null,
      lease_expires_at: null,
      failed_refreshes: outcome.failures,
      refresh_due_at: outcome.retryAt ?? null,
    });
  return changed > 0;
}

/** The connections whose tokens a job refreshes now. */
export async function listDue(source: Knex, limit: number): Promise<string[]> {
  const now = new Date();
  return source(TOKENS)
    .where('refresh_due_at', '<=', now)
    .whereNotNull('active_slot')
    .where((query) => query.whereNull('lease_expires_at').orWhere('lease_expires_at', '<=', now))
    .orderBy('refresh_due_at')
    .limit(limit)
    .pluck('active_slot');
}

/** Delays the job's next try, for a connection that cannot be refreshed now. */
export async function postpone(source: Knex, connectionId: string, until: Date | null): Promise<void> {
  await source(TOKENS).where({ active_slot: connectionId }).update({ refresh_due_at: until });
}

/** Written before the service is asked: the trace of tokens that are lost if this process is killed. @returns its id */
export async function beginAttempt(source: Knex, tokenId: string, refreshToken: string): Promise<string> {
  const id = uuidv7();
  await source(LOG).insert({
    id,
    created_at: new Date(),
    token_id: tokenId,
    old_token_hash: digest(refreshToken),
    refresh_used: false,
    success: false,
    error_code: 'no_outcome',
  });
  return id;
}

/**
 * Whether an earlier attempt with this refresh token has no outcome in the log. A process was then killed while it waited for
 * the service, which may have replaced the token and sent the new one to nobody.
 * @param now the attempt that was just refused
 */
export async function wasInterrupted(
  source: Knex,
  now: { attempt: string; tokenId: string; refreshToken: string | undefined },
): Promise<boolean> {
  if (now.refreshToken === undefined) return false;
  const found = await source(LOG)
    .where({ token_id: now.tokenId, old_token_hash: digest(now.refreshToken), error_code: 'no_outcome' })
    .whereNot({ id: now.attempt })
    .first('id');
  return found !== undefined;
}

export async function endAttempt(
  source: Knex,
  id: string,
  outcome: { newToken?: string | undefined; error?: { code: string; message: string }; ms: number },
): Promise<void> {
  const { newToken, error, ms } = outcome;
  await source(LOG)
    .where({ id })
    .update({
      new_token_hash: newToken === undefined ? null : digest(newToken),
      refresh_used: newToken !== undefined,
      success: error === undefined,
      error_code: error?.code.slice(0, 64) ?? null,
      error_message: error?.message.slice(0, 512) ?? null,
      duration_ms: Math.round(ms),
    });
}
