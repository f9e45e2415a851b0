import type { Knex } from 'knex';
import type { Driver } from '../../database/driver/contract.ts';
import { toDate } from '../../database/instants.ts';
import { selectOne, sql } from '../../database/statement-builders.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { type CredentialRow, lockCredentials } from './credential-store.ts';

const TABLE = 'T_user_providers';

/** An account of a person at a service. */
export interface Connection {
  id: string;
  accountId: string;
  /** The name of the service. */
  service: string;
  /** The identifier of the account there. */
  externalId: string;
  email: string | undefined;
  displayName: string | undefined;
  avatarUrl: string | undefined;
  /** The most that its credential can do there. */
  accessLevel: AccessLevel;
  isActive: boolean;
  /** Whether its owner signs in with it, if the service allows that. */
  maySignIn: boolean;
  syncStatus: 'pending' | 'active' | 'error' | 'disabled';
  /** Why it cannot be used: a stable code. */
  syncError: string | undefined;
  /** The scopes that the service granted. */
  scope: string | undefined;
  createdAt: Date;
  lastUsedAt: Date | undefined;
}

export type AccessLevel = 'read' | 'write' | 'admin';

/** What a service says of an account there. */
export interface UpstreamIdentity {
  id: string;
  email?: string | undefined;
  /** Whether the service says that it has checked the address. */
  isEmailVerified?: boolean | undefined;
  displayName?: string | undefined;
  avatarUrl?: string | undefined;
}

interface Row {
  id: string;
  account_id: string;
  provider: string;
  provider_user_id: string;
  email: string | null;
  display_name: string | null;
  avatar_url: string | null;
  access_level: AccessLevel;
  is_active: boolean | number;
  may_sign_in: boolean | number;
  sync_status: Connection['syncStatus'];
  sync_error: string | null;
  created_at: Date | string;
  scope: string | null;
  last_used_at: Date | string | null;
}

const toConnection = (row: Row): Connection => ({
  id: row.id,
  accountId: row.account_id,
  service: row.provider,
  externalId: row.provider_user_id,
  email: row.email ?? undefined,
  displayName: row.display_name ?? undefined,
  avatarUrl: row.avatar_url ?? undefined,
  accessLevel: row.access_level,
  isActive: Boolean(row.is_active),
  maySignIn: Boolean(row.may_sign_in),
  syncStatus: row.sync_status,
  syncError: row.sync_error ?? undefined,
  scope: row.scope ?? undefined,
  createdAt: toDate(row.created_at),
  lastUsedAt: row.last_used_at === null ? undefined : toDate(row.last_used_at),
});

const SELECT_FIRST = selectOne({
  columns: `p.id, p.email, p.is_active, p.sync_status, p.sync_error,
    (SELECT COUNT(*) FROM ${TABLE} o WHERE o.account_id = p.account_id AND o.provider = p.provider) AS total`,
  from: `${TABLE} p`,
  where: sql`p.account_id = ${'account_id'} AND p.provider = ${'provider'}`,
  orderBy: 'p.id',
});

/** A connection, as far as a call with it needs it. */
export type CallableConnection = Pick<Connection, 'id' | 'email' | 'isActive' | 'syncStatus' | 'syncError'>;

/** @returns the oldest connection of an account to a service, and how many there are; undefined without one */
export async function findFirstConnection(
  driver: Driver,
  accountId: string,
  service: string,
): Promise<(CallableConnection & { total: number }) | undefined> {
  const row = await driver.readOne(SELECT_FIRST, { account_id: accountId, provider: service });
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return (
    row && {
      id: String(row.id),
      email: text(row.email),
      isActive: Boolean(row.is_active),
      syncStatus: row.sync_status as Connection['syncStatus'],
      syncError: text(row.sync_error),
      total: Number(row.total),
    }
  );
}

/** A part of what names connections. */
export interface ConnectionFilter {
  id?: string;
  accountId?: string;
  service?: string;
  externalId?: string;
}

/** Connections with the scope and the last use of their active credential, the oldest first. */
export async function listConnections(source: Knex, filter: ConnectionFilter): Promise<Connection[]> {
  const columns = {
    id: filter.id,
    account_id: filter.accountId,
    provider: filter.service,
    provider_user_id: filter.externalId,
  };
  const entries = Object.entries(columns).filter(([, value]) => value !== undefined);
  const rows: Row[] = await source(`${TABLE} as p`)
    .leftJoin('T_oauth_tokens as t', 't.active_slot', 'p.id')
    .where(Object.fromEntries(entries.map(([name, value]) => [`p.${name}`, value])))
    .orderBy('p.id')
    .select('p.*', 't.scope', 't.last_used_at');
  return rows.map(toConnection);
}

/** Columns have 255 characters, and services choose what they send. */
const cut = (text: string | undefined) => text?.slice(0, 255) ?? null;

/**
 * Adds the connection, or finds the one of the same account there. Of two simultaneous requests, the unique index lets
 * one add the row. It is locked afterwards.
 * @returns whose it is, which may be another account; undefined when the account is gone
 */
export async function addOrLock(
  trx: Knex.Transaction,
  connection: { accountId: string; service: string; externalId: string; accessLevel: AccessLevel },
): Promise<{ id: string; accountId: string; syncStatus: string; isNew: boolean } | undefined> {
  const id = uuidv7();
  await trx(TABLE)
    .insert({
      id,
      created_at: new Date(),
      account_id: connection.accountId,
      provider: connection.service,
      provider_user_id: connection.externalId,
      access_level: connection.accessLevel,
      is_active: true,
      sync_status: 'pending',
    })
    .onConflict(['provider', 'provider_user_id'])
    .ignore();
  const row = await trx(TABLE)
    .where({ provider: connection.service, provider_user_id: connection.externalId })
    .forUpdate()
    .first('id', 'account_id', 'sync_status');
  return row && { id: row.id, accountId: row.account_id, syncStatus: row.sync_status, isNew: row.id === id };
}

/** Stores the identity from the service and marks the connection as active. */
export async function activateConnection(
  trx: Knex.Transaction,
  id: string,
  { identity, accessLevel }: { identity: UpstreamIdentity; accessLevel: AccessLevel },
): Promise<void> {
  const now = new Date();
  await trx(TABLE)
    .where({ id })
    .update({
      email: cut(identity.email),
      display_name: cut(identity.displayName),
      avatar_url: identity.avatarUrl?.slice(0, 2048) ?? null,
      access_level: accessLevel,
      is_active: true,
      sync_status: 'active',
      sync_error: null,
      sync_due_at: now,
      updated_at: now,
    });
}

/** @returns true for the one caller that changed the row; concurrent callers with the same fault get false */
export async function markBroken(source: Knex, id: string, code: string): Promise<boolean> {
  const changed = await source(TABLE)
    .where({ id })
    .where((query) => query.whereNull('sync_error').orWhereNot({ sync_error: code }))
    .update({ sync_status: 'error', sync_error: code, sync_due_at: null, updated_at: new Date() });
  return changed > 0;
}

/** Takes back `markBroken`. A connection that the person has paused stays so. */
export async function markMended(source: Knex, id: string): Promise<void> {
  const now = new Date();
  await source(TABLE)
    .where({ id, sync_status: 'error' })
    .update({ sync_status: 'active', sync_error: null, sync_due_at: now, updated_at: now });
}

/** Foreign keys also delete its credentials and their refresh log. @returns whether it was there */
export async function deleteConnection(
  trx: Knex.Transaction,
  owner: { id: string; accountId: string },
): Promise<boolean> {
  return (await trx(TABLE).where({ id: owner.id, account_id: owner.accountId }).delete()) > 0;
}

/**
 * Deletes every connection of an account, whose row the caller has locked: so none is added before the end of the transaction.
 * @returns how many there were, and their credentials as they were last: another server may just have refreshed one
 */
export async function deleteAllConnections(
  trx: Knex.Transaction,
  accountId: string,
): Promise<{ count: number; credentials: CredentialRow[] }> {
  const connections: Pick<Row, 'id' | 'account_id' | 'provider'>[] = await trx(TABLE)
    .where({ account_id: accountId })
    .forUpdate()
    .select('id', 'account_id', 'provider');
  const credentials = await lockCredentials(trx, connections);
  await trx(TABLE).where({ account_id: accountId }).delete();
  return { count: connections.length, credentials };
}
