import { z } from 'zod';
import { email, password, username } from '../identity/accounts/schema.ts';

const VISIBLE = /^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u;

/** What a person types who comes in by an invitation; whatever else the form brings is not looked at. */
const schema = z.object({
  username,
  name: z
    .string()
    .trim()
    .max(255, 'A name has at most 255 characters')
    .regex(VISIBLE, 'A name has no control characters')
    .default('')
    .transform((value) => value || null),
  email: z.union([z.literal('').transform(() => null), email]).default(null),
  password,
});

const keyHolder = schema.omit({ password: true });

export type Newcomer = z.output<typeof schema>;
/** Who comes in with a passkey. */
export type KeyHolder = z.output<typeof keyHolder>;
/** One sentence for each field at fault. */
export type Faults = Partial<Record<keyof Newcomer, string>>;

/**
 * @param fields of the form
 * @param passwordFault why a password may not be used, or undefined
 */
export function readNewcomer(
  fields: Record<string, string>,
  passwordFault: (password: string, person: Omit<Newcomer, 'password'>) => string | undefined,
): { newcomer: Newcomer } | { faults: Faults } {
  const parsed = schema.safeParse({ username: '', password: '', ...fields });
  const faults: Faults = {};
  for (const { path, message } of parsed.error?.issues ?? []) faults[path[0] as keyof Newcomer] ??= message;
  if (!parsed.success) return { faults };
  const fault = passwordFault(parsed.data.password, parsed.data);
  return fault === undefined ? { newcomer: parsed.data } : { faults: { password: fault } };
}

/** Who chose a passkey in the same form. */
export function readKeyHolder(fields: Record<string, string>): { newcomer: KeyHolder } | { fault: string } {
  const parsed = keyHolder.safeParse({ username: '', ...fields });
  return parsed.success
    ? { newcomer: parsed.data }
    : { fault: parsed.error.issues[0]?.message ?? 'Enter a username' };
}
