import type { Knex } from 'knex';

const TABLE = 'T_accounts';

/**
 * Marks the e-mail address of an account as confirmed, if it is still that one.
 * @returns whether nobody had confirmed it before
 */
export async function confirmEmail(trx: Knex.Transaction, id: string, email: string): Promise<boolean> {
  const confirmed = await trx(TABLE)
    .where({ id, email, email_verified: false })
    .update({ email_verified: true, requested_email: null, updated_at: new Date() });
  return confirmed === 1;
}

/**
 * Gives an account without an address the one that was entered at its sign-up, because somebody has shown its mailbox.
 * @returns whether it was still waiting for that address
 * @throws a unique violation when another account confirmed it
 */
export async function confirmRequestedEmail(
  trx: Knex.Transaction,
  id: string,
  email: string,
): Promise<boolean> {
  const waiting = await trx(TABLE).where({ id, requested_email: email }).whereNull('email').first('id');
  return waiting !== undefined && (await replaceEmail(trx, id, email)) !== undefined;
}

/** The address that was entered at sign-up, until it is confirmed. */
export async function findRequestedEmail(source: Knex, id: string): Promise<string | null> {
  const row = await source(TABLE).where({ id }).first('requested_email');
  return row?.requested_email ?? null;
}

/** Takes an address from any account that never confirmed it. @param id of an account that keeps it */
export async function releaseEmail(trx: Knex.Transaction, email: string, id = ''): Promise<void> {
  await trx(TABLE).where({ email, email_verified: false }).whereNot({ id }).update({ email: null });
}

/**
 * Gives an account a confirmed e-mail address, and takes it from any account that never confirmed it.
 * @returns the address before it, or undefined when another request changed the address concurrently
 * @throws a unique violation when another account confirmed it
 */
export async function replaceEmail(
  trx: Knex.Transaction,
  id: string,
  email: string,
): Promise<{ before: string | null } | undefined> {
  const row = await trx(TABLE).where({ id }).first('email');
  const before: string | null = row?.email ?? null;
  await releaseEmail(trx, email, id);
  const replaced = await trx(TABLE)
    .where({ id, email: before })
    .update({ email, email_verified: true, requested_email: null, updated_at: new Date() });
  return replaced === 1 ? { before } : undefined;
}
