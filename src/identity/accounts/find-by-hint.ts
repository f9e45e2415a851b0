import type { Knex } from 'knex';
import { normalise } from '../fields.ts';
import { type Account, findAccount } from './store.ts';

/** Finds an active account by its username or its confirmed e-mail address, as somebody typed it. */
export async function findByHint(source: Knex, hint: string): Promise<Account | undefined> {
  const name = normalise(hint);
  const byName = await findAccount(source, { username: name, is_active: true });
  const found = byName ?? (await findAccount(source, { email: name, is_active: true }));
  return found === byName || found?.email_verified ? found : undefined;
}

/** Finds the active account that has this confirmed e-mail address, or this username, and no other. */
export async function findBySubject(
  source: Knex,
  kind: 'email' | 'username',
  subject: string,
): Promise<Account | undefined> {
  const value = normalise(subject);
  if (kind === 'username') return findAccount(source, { username: value, is_active: true });
  const found = await findAccount(source, { email: value, is_active: true });
  return found?.email_verified ? found : undefined;
}
