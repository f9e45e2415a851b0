import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { LINK_LIFETIMES_MS, type LinkPurpose } from './link-lifetimes.ts';

const TABLE = 'T_account_links';

/** 144 random bits: short enough that the link is not broken over two lines of a plain-text mail. */
const TOKEN_BYTES = 18;

/** What people read about every link that is not valid. It does not reveal why. */
export const LINK_EXPIRED =
  'This link no longer works: it has expired, was used, or was replaced by a newer one. Nothing was changed, and nobody was signed in.';

export const linkExpired = () => new LatchkeyError('invalid_input', 'link_expired', LINK_EXPIRED);

/** The account that a link is for. */
export interface LinkOwner {
  accountId: string;
  purpose: LinkPurpose;
  username: string;
  name: string | null;
  /** The address to which the link was mailed. */
  email: string;
  /** Whether that is the address of the account, and nobody has confirmed it. */
  isUnconfirmed: boolean;
}

const deleteLinks = (trx: Knex.Transaction, accountId: string, purpose: LinkPurpose) =>
  trx(TABLE).where({ account_id: accountId, purpose }).delete();

/**
 * Creates a link. It replaces the account's earlier link for that purpose.
 * @returns its token
 * @throws a unique violation when another request creates one at the same moment
 */
export async function createLink(
  trx: Knex.Transaction,
  link: { accountId: string; purpose: LinkPurpose; email: string },
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const now = new Date();
  await deleteLinks(trx, link.accountId, link.purpose);
  await trx(TABLE).insert({
    id: uuidv7(),
    created_at: now,
    account_id: link.accountId,
    purpose: link.purpose,
    token_hash: digest(token),
    email: link.email,
    expires_at: new Date(now.getTime() + LINK_LIFETIMES_MS[link.purpose]),
  });
  return token;
}

/** Does the work of `createLink` where there is no account, so that both take as long. */
export async function pretendToCreateLink(trx: Knex.Transaction, purpose: LinkPurpose): Promise<void> {
  await deleteLinks(trx, uuidv7(), purpose);
}

/**
 * Selects a link that is unused, not expired, and of an active account. A mailed link that signs in is valid only while the
 * account has, or waits for, the address that it was mailed to: people who read mail at an earlier address stay out.
 */
const whereOpen = (query: Knex.QueryBuilder, source: Knex, token: string, purposes: LinkPurpose[]) =>
  query
    .where({ token_hash: digest(token) })
    .whereIn('purpose', purposes)
    .whereNull('consumed_at')
    .where('expires_at', '>', new Date())
    .whereExists(
      source('T_accounts as a')
        .select('a.id')
        .whereRaw('a.id = T_account_links.account_id')
        .whereRaw(
          `a.is_active = true
            AND (COALESCE(a.email, a.requested_email, '') = T_account_links.email OR purpose IN ('verify_email', 'enrol_passkey', 'recovery_code'))`,
        ),
    );

async function findOwner(source: Knex, token: string): Promise<LinkOwner | undefined> {
  const row = await source(`${TABLE} as l`)
    .join('T_accounts as a', 'a.id', 'l.account_id')
    .where('l.token_hash', digest(token))
    .first(
      'l.account_id',
      'l.purpose',
      'l.email',
      'a.username',
      'a.name',
      'a.email_verified',
      source.raw('COALESCE(a.email, a.requested_email) AS present_email'),
    );
  if (!row) return undefined;
  const { account_id: accountId, purpose, username, name, email } = row;
  const isUnconfirmed = row.present_email === email && !row.email_verified;
  return { accountId, purpose, username, name, email, isUnconfirmed };
}

/** Does not use the link up: mail scanners open links too. @returns undefined when it is not valid */
export async function findLink(
  source: Knex,
  token: string,
  ...purposes: LinkPurpose[]
): Promise<LinkOwner | undefined> {
  const found = await whereOpen(source(TABLE), source, token, purposes).first('id');
  return found ? findOwner(source, token) : undefined;
}

/** Uses a link up. The row count of one UPDATE decides, so it works once. @returns undefined when it is not valid */
export async function consumeLink(
  trx: Knex.Transaction,
  token: string,
  ...purposes: LinkPurpose[]
): Promise<LinkOwner | undefined> {
  const consumed = await whereOpen(trx(TABLE), trx, token, purposes).update({ consumed_at: new Date() });
  return consumed === 1 ? findOwner(trx, token) : undefined;
}

/** Uses up all links of an account, among them any that an attacker requested. */
export async function voidLinks(trx: Knex.Transaction, accountId: string): Promise<void> {
  await trx(TABLE)
    .where({ account_id: accountId })
    .whereNull('consumed_at')
    .update({ consumed_at: new Date() });
}

/**
 * The address that waits to be confirmed, even if its link has expired: the user can request another one. It is the one
 * entered last, or else the one of the sign-up.
 */
export async function findPendingEmail(source: Knex, accountId: string): Promise<string | null> {
  const row = await source('T_accounts as a')
    .leftJoin(`${TABLE} as l`, (link) =>
      link.on('l.account_id', 'a.id').andOnVal('l.purpose', 'verify_email').andOnNull('l.consumed_at'),
    )
    .where('a.id', accountId)
    .first(source.raw('COALESCE(l.email, a.requested_email) AS email'));
  return row?.email ?? null;
}
