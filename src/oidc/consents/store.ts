import type { Knex } from 'knex';
import { isConnectionScope } from '../../access/connection-scopes.ts';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { parseScopes, type ResourceScopes } from '../../access/scopes.ts';
import { insertInto, selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { OWN_CLIENT_ID } from '../clients/own-client.ts';

const TABLE = 'T_consents';

const SELECT = selectOne({
  columns: 'id, scope, claims, resources',
  from: TABLE,
  where: sql`account_id = ${'account_id'} AND client_id = ${'client_id'}`,
});
const INSERT = insertInto(
  TABLE,
  ['id', 'created_at', 'account_id', 'client_id', 'scope', 'claims', 'resources', 'last_used_at'],
  { onConflict: 'nothing' },
);
const CHANGE = update(TABLE, {
  set: ['scope', 'claims', 'resources', 'updated_at', 'last_used_at'],
  where: sql`id = ${'id'}`,
});
const USE = update(TABLE, { set: ['last_used_at'], where: sql`id = ${'id'}` });

/** What an account has allowed an application until it is withdrawn. */
export interface Consent {
  id: string;
  scopes: string[];
  claims: string[];
  /** What was allowed of each resource (RFC 8707). */
  resources: ResourceScopes;
}

/** @param text of the column; null in rows that name no resource */
export const parseResources = (text: unknown): ResourceScopes =>
  typeof text === 'string' ? JSON.parse(text) : {};

/** One account and one application, by the client_id that it uses in requests. */
export interface ConsentKey {
  accountId: string;
  clientId: string;
}

/** Reads a consent once per request. */
export async function findConsent({ accountId, clientId }: ConsentKey): Promise<Consent | undefined> {
  const unit = currentUnit();
  return unit.readOnce(`${TABLE}:${accountId}:${clientId}`, async () => {
    const row = await unit.readOne(SELECT, { account_id: accountId, client_id: clientId });
    if (!row) return undefined;
    const { id, scope, claims, resources } = row;
    return {
      id: String(id),
      scopes: parseScopes(String(scope)),
      claims: parseScopes(String(claims)),
      resources: parseResources(resources),
    };
  });
}

/**
 * Records that this request gives access because of the consent. Its commit fails at the guard `consent` if the consent
 * is withdrawn before: what was withdrawn would otherwise come back as a new grant.
 */
export function useConsent({ id }: Consent): void {
  const write = { statement: USE, values: { id, last_used_at: new Date() }, guard: 'consent' };
  currentUnit().write(write, `${TABLE}:${id}`);
}

/**
 * What people are asked about although the application is first-party: their accounts elsewhere are not the operator's to give,
 * and what they have withdrawn stays so.
 */
export const ofConnections = ({ scopes }: Omit<Consent, 'id'>): Omit<Consent, 'id'> => ({
  scopes: scopes.filter(isConnectionScope),
  claims: [],
  resources: {},
});

const mergeResources = (earlier: ResourceScopes, added: ResourceScopes): ResourceScopes => ({
  ...earlier,
  ...Object.fromEntries(
    Object.entries(added).map(([identifier, scopes]) => [
      identifier,
      [...new Set([...(earlier[identifier] ?? []), ...scopes])],
    ]),
  ),
});

/**
 * Adds to what the account has allowed the application. It has no guard: if the consent is withdrawn or extended by another
 * request at the same moment, this addition is lost, and the user is asked again. A first-party application is asked about
 * connected accounts alone, so nothing else of it is remembered.
 */
export async function addToConsent(
  { accountId, client }: { accountId: string; client: { clientId: string; is_first_party: boolean } },
  allowed: Omit<Consent, 'id'>,
): Promise<void> {
  const added = client.is_first_party ? ofConnections(allowed) : allowed;
  if (client.is_first_party && added.scopes.length === 0) return;
  const unit = currentUnit();
  const key = { accountId, clientId: client.clientId };
  const consent = await findConsent(key);
  const now = new Date();
  const resources = mergeResources(consent?.resources ?? {}, added.resources);
  const columns = {
    scope: [...new Set([...(consent?.scopes ?? []), ...added.scopes])].join(' '),
    claims: [...new Set([...(consent?.claims ?? []), ...added.claims])].join(' '),
    resources: Object.keys(resources).length > 0 ? JSON.stringify(resources) : null,
    last_used_at: now,
  };
  if (consent) {
    const values = Object.assign(columns, { id: consent.id, updated_at: now });
    unit.write({ statement: CHANGE, values }, `${TABLE}:${consent.id}`);
    return;
  }
  const owner = { account_id: key.accountId, client_id: key.clientId };
  const values = Object.assign(columns, owner, { id: uuidv7(), created_at: now });
  unit.write({ statement: INSERT, values }, `${TABLE}:${key.accountId}:${key.clientId}`);
}

/** All consents of an account, all of an application, or the one of both. */
export type ConsentFilter =
  | { accountId: string; clientId?: string | undefined }
  | { accountId?: undefined; clientId: string };

const TOKEN_TABLES = ['T_access_tokens', 'T_refresh_tokens'] as const;
const ISSUED_TABLES = [
  'T_authorization_codes',
  ...TOKEN_TABLES,
  'T_device_codes',
  'T_backchannel_authentication_requests',
];

/** Whose access to what. */
export interface AccessKey {
  username: string;
  account_id: string;
  client_id: string;
}

interface ConsentRow extends AccessKey {
  scope: string;
  claims: string;
  resources: string | null;
  created_at: Date | string;
  last_used_at: Date | string;
}

function select(source: Knex, table: string, { accountId, clientId }: ConsentFilter): Knex.QueryBuilder {
  const query = source(`${table} as t`).join('T_accounts as a', 'a.id', 't.account_id');
  if (accountId !== undefined) query.where('t.account_id', accountId);
  if (clientId !== undefined) query.where('t.client_id', clientId);
  return query.whereNot('t.client_id', OWN_CLIENT_ID);
}

const KEY = ['a.username', 't.account_id', 't.client_id'];

/** The remembered consents, the oldest first. */
export function listConsents(source: Knex, filter: ConsentFilter): Promise<ConsentRow[]> {
  return select(source, TABLE, filter)
    .orderBy('t.id')
    .select(...KEY, 't.scope', 't.claims', 't.resources', 't.created_at', 't.last_used_at');
}

/** The live tokens of one account, application and scope. */
export interface TokenCount extends AccessKey {
  scope: string | null;
  /** The scopes of the grant, which limits what its tokens can do. */
  granted: string | null;
  tokens: number;
  last_issued_at: Date | string;
}

/** Counts access tokens, and refresh tokens that were not used yet. */
export async function countTokens(source: Knex, filter: ConsentFilter): Promise<TokenCount[]> {
  const counts: TokenCount[] = [];
  for (const table of TOKEN_TABLES) {
    const query = select(source, table, filter)
      .join('T_grants as g', 'g.id', 't.grant_id')
      .whereNull('g.revoked_at')
      .where('t.expires_at', '>', new Date());
    if (table === 'T_refresh_tokens') query.whereNull('t.consumed_at');
    const rows = await query
      .groupBy(...KEY, 't.scope', 'g.scope')
      .select(...KEY, 't.scope', { granted: 'g.scope' })
      .count({ tokens: '*' })
      .max({ last_issued_at: 't.created_at' });
    counts.push(...rows.map((row) => ({ ...row, tokens: Number(row.tokens) })));
  }
  return counts;
}

/** What the pages say about applications, disabled ones too. */
export function listNames(
  source: Knex,
  clientIds: string[],
): Promise<
  {
    client_id: string;
    client_name: string;
    is_first_party: boolean | number;
    metadata: string;
    registered_via: RegisteredVia;
    has_logo: boolean | number;
  }[]
> {
  return source('T_oauth_clients')
    .whereIn('client_id', clientIds)
    .select('client_id', 'client_name', 'is_first_party', 'metadata', 'registered_via')
    .select(source.raw('CASE WHEN logo_uri IS NULL THEN 0 ELSE 1 END AS has_logo'));
}

/**
 * Deletes the consents, revokes the grants, and deletes the codes and tokens issued under them. The consents come first: a
 * request that uses one either commits before, and its grant is revoked here, or fails at its guard.
 */
export async function endAccess(trx: Knex.Transaction, filter: ConsentFilter): Promise<AccessKey[]> {
  const remembered: AccessKey[] = await select(trx, TABLE, filter).select(...KEY);
  const granted: AccessKey[] = await select(trx, 'T_grants', filter)
    .whereNull('t.revoked_at')
    .distinct(...KEY);
  const { accountId, clientId } = filter;
  for (const table of [TABLE, 'T_grants', ...ISSUED_TABLES]) {
    const rows = trx(table).whereNot({ client_id: OWN_CLIENT_ID }).whereNotNull('account_id');
    if (accountId !== undefined) rows.where({ account_id: accountId });
    if (clientId !== undefined) rows.where({ client_id: clientId });
    await (table === 'T_grants'
      ? rows.whereNull('revoked_at').update({ revoked_at: new Date() })
      : rows.delete());
  }
  const keys = [...remembered, ...granted];
  return [...new Map(keys.map((key) => [`${key.account_id} ${key.client_id}`, key])).values()];
}
