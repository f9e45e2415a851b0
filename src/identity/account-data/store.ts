import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { ARCHIVE_LIFETIME_MS } from './archive-lifetime.ts';

const TABLE = 'T_account_archives';
/** After this time without progress, another server takes the work over. */
const LEASE_MS = 60_000;
const MAX_ATTEMPTS = 3;

export interface ArchiveState {
  status: 'waiting' | 'ready' | 'failed';
  partsDone: number;
  parts: number;
  /** ISO 8601. */
  createdAt: string;
  expiresAt: string;
}

/** Finds the archive of an account, or the request for one, that has not expired. */
export async function findArchive(source: Knex, accountId: string): Promise<ArchiveState | undefined> {
  const row = await source(TABLE)
    .where({ account_id: accountId })
    .where('expires_at', '>', new Date())
    .first('status', 'parts_done', 'parts', 'created_at', 'expires_at');
  return (
    row && {
      status: row.status,
      partsDone: Number(row.parts_done),
      parts: Number(row.parts),
      createdAt: toDate(row.created_at).toISOString(),
      expiresAt: toDate(row.expires_at).toISOString(),
    }
  );
}

/** Adds a request, which replaces an earlier archive. The row of the account must be locked. @returns false if one waits */
export async function insertRequest(
  trx: Knex.Transaction,
  accountId: string,
  parts: number,
): Promise<boolean> {
  if ((await findArchive(trx, accountId))?.status === 'waiting') return false;
  await trx(TABLE).where({ account_id: accountId }).delete();
  const now = Date.now();
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: new Date(now),
    account_id: accountId,
    status: 'waiting',
    parts_done: 0,
    parts,
    attempts: 0,
    expires_at: new Date(now + ARCHIVE_LIFETIME_MS),
  });
  return true;
}

/** Takes a request that waits, or that another server left. One UPDATE decides. @returns undefined when no request waits */
export async function takeRequest(source: Knex): Promise<{ id: string; accountId: string } | undefined> {
  const now = new Date();
  const isFree = (query: Knex.QueryBuilder) =>
    query
      .where({ status: 'waiting' })
      .where('expires_at', '>', now)
      .where((free) => free.whereNull('lease_until').orWhere('lease_until', '<', now));
  const row = await isFree(source(TABLE)).orderBy('id').first('id', 'account_id', 'attempts');
  if (!row) return undefined;
  const attempts = Number(row.attempts) + 1;
  const status = attempts > MAX_ATTEMPTS ? 'failed' : 'waiting';
  const taken = await isFree(source(TABLE))
    .where({ id: row.id, attempts: row.attempts })
    .update({ attempts, status, lease_until: new Date(now.getTime() + LEASE_MS) });
  if (taken !== 1 || status === 'failed') return takeRequest(source);
  return { id: row.id, accountId: row.account_id };
}

/** Records progress, and keeps the work for this server. */
export async function recordProgress(source: Knex, id: string, partsDone: number): Promise<void> {
  await source(TABLE)
    .where({ id, status: 'waiting' })
    .update({ parts_done: partsDone, lease_until: new Date(Date.now() + LEASE_MS) });
}

/** Stores the archive, unless it was requested again since. */
export async function finishArchive(source: Knex, id: string, archive: Buffer): Promise<void> {
  const expires_at = new Date(Date.now() + ARCHIVE_LIFETIME_MS);
  await source(TABLE)
    .where({ id, status: 'waiting' })
    .update({ status: 'ready', archive: archive.toString('base64'), lease_until: null, expires_at });
}

export async function readArchive(source: Knex, accountId: string): Promise<Buffer | undefined> {
  const row = await source(TABLE)
    .where({ account_id: accountId, status: 'ready' })
    .where('expires_at', '>', new Date())
    .first('archive');
  return row?.archive ? Buffer.from(row.archive, 'base64') : undefined;
}
