import type { Knex } from 'knex';
import { selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { UpstreamIdentity } from '../vault/connection-store.ts';

const TABLE = 'T_user_providers';

const SELECT_LINK = selectOne({
  columns: 'p.id, p.account_id, p.may_sign_in, a.is_active',
  from: `${TABLE} p JOIN T_accounts a ON a.id = p.account_id`,
  where: sql`p.provider = ${'provider'} AND p.provider_user_id = ${'provider_user_id'}`,
});

/** A connection, as far as a sign-in needs it. */
export interface Link {
  connectionId: string;
  accountId: string;
  maySignIn: boolean;
  isAccountActive: boolean;
}

/** @param externalId the identifier of the account at the service: nothing else links it */
export async function findLink(service: string, externalId: string): Promise<Link | undefined> {
  const values = { provider: service, provider_user_id: externalId };
  const row = await currentUnit().readOne(SELECT_LINK, values);
  return (
    row && {
      connectionId: String(row.id),
      accountId: String(row.account_id),
      maySignIn: Boolean(row.may_sign_in),
      isAccountActive: Boolean(row.is_active),
    }
  );
}

const RECORD_USE = update(TABLE, {
  set: ['signed_in_at'],
  where: sql`id = ${'id'} AND account_id = ${'account_id'} AND may_sign_in = true`,
});

/**
 * Records a sign-in with the connection, in the commit of the current request. That fails if the connection was removed or
 * switched off since it was read.
 */
export function recordLinkUse({ connectionId, accountId }: Link): void {
  currentUnit().write({
    statement: RECORD_USE,
    values: { id: connectionId, account_id: accountId, signed_in_at: new Date() },
    guard: 'link',
  });
}

/** @returns whether it was the other way before @param owner also says at which service, so that a page changes only its own */
export async function setMaySignIn(
  trx: Knex.Transaction,
  owner: { id: string; accountId: string; service: string },
  value: boolean,
): Promise<boolean> {
  const changed = await trx(TABLE)
    .where({ id: owner.id, account_id: owner.accountId, provider: owner.service, may_sign_in: !value })
    .update({ may_sign_in: value, updated_at: new Date() });
  return changed === 1;
}

/** Lets no connection of the account sign in from now on. @returns how many were allowed to until now */
export const endSignIns = (trx: Knex.Transaction, accountId: string): Promise<number> =>
  trx(TABLE)
    .where({ account_id: accountId, may_sign_in: true })
    .update({ may_sign_in: false, updated_at: new Date() });

/** The services of an account's connections that may sign in, but for one connection. The account must be locked. */
export const listSignInServices = (
  source: Knex,
  accountId: string,
  options: { except?: string } = {},
): Promise<string[]> => {
  const query = source(TABLE).where({ account_id: accountId, may_sign_in: true });
  if (options.except !== undefined) query.whereNot({ id: options.except });
  return query.orderBy('id').pluck('provider');
};

/** @returns whether the connection is there and may sign in */
export async function isSignIn(source: Knex, accountId: string, id: string): Promise<boolean> {
  return (
    (await source(TABLE).where({ id, account_id: accountId, may_sign_in: true }).first('id')) !== undefined
  );
}

/**
 * Adds a connection that only signs in: without a credential, applications cannot use it.
 * @returns its id; undefined when the account at the service is connected to an account already
 */
export async function insertLink(
  trx: Knex.Transaction,
  link: { accountId: string; service: string; identity: UpstreamIdentity },
): Promise<string | undefined> {
  const { accountId, service, identity } = link;
  const id = uuidv7();
  const cut = (text: string | undefined) => text?.slice(0, 255) ?? null;
  await trx(TABLE)
    .insert({
      id,
      created_at: new Date(),
      account_id: accountId,
      provider: service,
      provider_user_id: identity.id,
      email: cut(identity.email),
      display_name: cut(identity.displayName),
      avatar_url: identity.avatarUrl?.slice(0, 2048) ?? null,
      access_level: 'read',
      is_active: false,
      sync_status: 'disabled',
      may_sign_in: true,
    })
    .onConflict(['provider', 'provider_user_id'])
    .ignore();
  return (await trx(TABLE).where({ id }).first('id')) && id;
}
