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

const inSmallLetters = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/**
 * Finds the active account, not closing, that has this confirmed e-mail address, or this username, and no other. Another spelling
 * may be another person at the issuer that says so: a username is compared exactly (RFC 7519 section 4.1.2), an address without
 * the case of its letters.
 */
export async function findBySubject(
  source: Knex,
  kind: 'email' | 'username',
  subject: string,
): Promise<Account | undefined> {
  const usable = { is_active: true, closing_at: null } as const;
  if (kind === 'username') {
    const found = await findAccount(source, { username: subject, ...usable });
    return found?.username === subject ? found : undefined;
  }
  const email = inSmallLetters(subject);
  const found = await findAccount(source, { email, ...usable });
  return found?.email === email && found.email_verified ? found : undefined;
}
