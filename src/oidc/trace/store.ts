import type { Knex } from 'knex';
import { VETTED_WAYS } from '../../access/registered-via.ts';
import { toDate } from '../../database/instants.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { MAX_ROWS, MAX_UNVETTED_ROWS } from './lifetime.ts';
import type { Outcome, TraceStep } from './steps.ts';

const TRACES = 'T_traces';

export interface NewTrace {
  id: string;
  created_at: Date;
  attempt_id: string;
  client_id: string | null;
  account_id: string | null;
  status: Outcome;
  /** JSON: TraceStep[]. */
  steps: string;
  expires_at: Date;
}

/** What the rows of codes tell about the attempts that led to them. */
export interface CodeAttempt {
  attemptId: string;
  /** Undefined until the user of a device has answered. */
  accountId: string | undefined;
}

/** @returns by the id of each row and by its key */
export async function findCodes(
  knex: Knex,
  wanted: { codeId?: string | undefined; codeHash?: string | undefined }[],
): Promise<Map<string, CodeAttempt>> {
  const pick = (values: (string | undefined)[]) => [
    ...new Set(values.filter((value): value is string => value !== undefined)),
  ];
  const ids = pick(wanted.map(({ codeId }) => codeId));
  const hashes = pick(wanted.map(({ codeHash }) => codeHash));
  const found = new Map<string, CodeAttempt>();
  if (ids.length + hashes.length === 0) return found;
  const rows = await knex('T_authorization_codes')
    .whereIn('id', ids)
    .orWhereIn('code_hash', hashes)
    .select('id', 'code_hash', 'authorization_request_id', 'account_id');
  for (const { id, code_hash, authorization_request_id, account_id } of rows) {
    const attempt = { attemptId: authorization_request_id ?? id, accountId: account_id };
    found.set(id, attempt).set(code_hash, attempt);
  }
  if (hashes.length === 0) return found;
  const devices = await knex('T_device_codes')
    .whereIn('code_hash', hashes)
    .select('id', 'code_hash', 'account_id');
  for (const { id, code_hash, account_id } of devices)
    found.set(code_hash, { attemptId: id, accountId: account_id ?? undefined });
  return found;
}

/** Gives what is stored of an attempt another name: it has turned out to be the beginning of that one. */
export async function joinAttempts(knex: Knex, earlier: string, attemptId: string): Promise<void> {
  if (earlier !== attemptId)
    await knex(TRACES).where('attempt_id', earlier).update({ attempt_id: attemptId });
}

/** @returns those of these attempts of which something is stored */
export async function findKnownAttempts(knex: Knex, attemptIds: string[]): Promise<Set<string>> {
  if (attemptIds.length === 0) return new Set();
  return new Set(await knex(TRACES).whereIn('attempt_id', attemptIds).distinct().pluck('attempt_id'));
}

export async function addRows(knex: Knex, rows: NewTrace[]): Promise<void> {
  if (rows.length > 0) await knex.batchInsert(TRACES, rows, 100);
}

/** Deletes the oldest rows that are too many. */
export async function trim(knex: Knex): Promise<void> {
  const vetted = knex('T_oauth_clients')
    .whereIn('registered_via', VETTED_WAYS)
    .whereRaw('T_oauth_clients.client_id = T_traces.client_id');
  const refused = () => knex(TRACES).where('status', 'refused');
  for (const [kind, most] of [
    [() => refused().whereExists(vetted), MAX_ROWS],
    [() => refused().whereNotExists(vetted), MAX_UNVETTED_ROWS],
    [() => knex(TRACES).whereNot('status', 'refused'), MAX_ROWS],
  ] as const) {
    const [oldest] = await kind().orderBy('id', 'desc').offset(most).limit(1).pluck('id');
    if (oldest !== undefined) await kind().where('id', '<=', oldest).delete();
  }
}

/** A row with the names of its application and account. */
export interface TraceRow {
  id: string;
  attemptId: string;
  clientId: string | null;
  /** Null when the application is not registered. */
  clientName: string | null;
  redirectUris: string[];
  registeredAt: Date | null;
  accountId: string | null;
  username: string | null;
  steps: TraceStep[];
}

function toTraceRow(row: Record<string, string | null>): TraceRow {
  return {
    id: String(row.id),
    attemptId: String(row.attempt_id),
    clientId: row.client_id ?? null,
    clientName: row.client_name ?? null,
    redirectUris: row.redirect_uris ? JSON.parse(row.redirect_uris) : [],
    registeredAt: row.registered_at ? toDate(row.registered_at) : null,
    accountId: row.account_id ?? null,
    username: row.username ?? null,
    steps: JSON.parse(String(row.steps)),
  };
}

const readRows = (knex: Knex) =>
  knex(`${TRACES} as t`)
    .leftJoin('T_oauth_clients as c', 'c.client_id', 't.client_id')
    .leftJoin('T_accounts as a', 'a.id', 't.account_id')
    .where('t.expires_at', '>', new Date())
    .orderBy('t.id')
    .select('t.id', 't.attempt_id', 't.client_id', 't.account_id', 't.steps')
    .select('c.client_name', 'c.redirect_uris', 'c.created_at as registered_at', 'a.username');

export interface TraceQuery {
  clientId?: string | undefined;
  /** The username. */
  account?: string | undefined;
  /** `refused`: attempts with a refused step. `stopped`: those that got no token, refused or not. */
  show?: 'all' | 'stopped' | 'connected';
  /** The `next` of the page before. */
  after?: string | undefined;
  limit: number;
}

/** The attempts of which any row matches. */
function matching(knex: Knex, { clientId, account, show = 'all' }: TraceQuery): Knex.QueryBuilder {
  const attemptsWith = (condition: (query: Knex.QueryBuilder) => void) => {
    const query = knex(TRACES).select('attempt_id');
    condition(query);
    return query;
  };
  const query = knex(TRACES).where('expires_at', '>', new Date());
  if (clientId !== undefined)
    query.whereIn(
      'attempt_id',
      attemptsWith((q) => q.where('client_id', clientId)),
    );
  if (account !== undefined) {
    const ids = knex('T_accounts').where('username', account).select('id');
    query.whereIn(
      'attempt_id',
      attemptsWith((q) => q.whereIn('account_id', ids)),
    );
  }
  const refused = attemptsWith((q) => q.where('status', 'refused'));
  const connected = attemptsWith((q) => q.where('status', 'connected'));
  if (show === 'connected') query.whereIn('attempt_id', connected);
  if (show === 'stopped')
    query.where((any) => any.whereIn('attempt_id', refused).orWhereNotIn('attempt_id', connected));
  return query;
}

/** One page of attempts, the newest first. @returns the rows of each attempt */
export async function listAttempts(
  knex: Knex,
  query: TraceQuery,
): Promise<{ attempts: TraceRow[][]; next?: string }> {
  const grouped = matching(knex, query)
    .groupBy('attempt_id')
    .select('attempt_id')
    .min('id as first_id')
    .orderBy('first_id', 'desc')
    .limit(query.limit + 1);
  if (query.after !== undefined) grouped.havingRaw('min(id) < ?', [query.after]);
  const found: { attempt_id: string; first_id: string }[] = await grouped;
  const page = found.slice(0, query.limit);
  const ids = page.map(({ attempt_id }) => attempt_id);
  const rows = (await readRows(knex).whereIn('t.attempt_id', ids)).map(toTraceRow);
  const byAttempt = Map.groupBy(rows, ({ attemptId }) => attemptId);
  const attempts = ids.map((id) => byAttempt.get(id) ?? []).filter((all) => all.length > 0);
  const last = page.at(-1)?.first_id;
  return found.length > query.limit && last !== undefined ? { attempts, next: last } : { attempts };
}

/** Rows that were written after that time, the earliest first. */
export async function listRowsSince(
  knex: Knex,
  query: Omit<TraceQuery, 'after' | 'limit'>,
  since: number,
): Promise<TraceRow[]> {
  const ids = matching(knex, { ...query, limit: 0 }).select('id');
  const earliest = uuidv7(since).slice(0, 13);
  return (await readRows(knex).where('t.id', '>=', earliest).whereIn('t.id', ids)).map(toTraceRow);
}
