import { z } from 'zod';
import { displayNameField, emailField, passwordField, usernameField } from '../identity/fields.ts';

/** The sign-up form of an invitation. Other fields of the form are ignored. */
const schema = z.object({
  username: usernameField,
  name: displayNameField.default('').transform((value) => value || null),
  email: z.union([z.literal('').transform(() => null), emailField]).default(null),
  password: passwordField,
});

const passkeySchema = schema.omit({ password: true });

export type SignUpFields = z.output<typeof schema>;
/** A sign-up with a passkey. */
export type PasskeySignUpFields = z.output<typeof passkeySchema>;
/** One sentence for each field at fault. `service`: the account of another service that was to be linked. */
export type Faults = Partial<Record<keyof SignUpFields | 'service', string>>;

/**
 * @param fields of the form
 * @param passwordFault why a password may not be used, or undefined
 */
export function readSignUp(
  fields: Record<string, string>,
  passwordFault: (password: string, account: Omit<SignUpFields, 'password'>) => string | undefined,
): { values: SignUpFields } | { faults: Faults } {
  const parsed = schema.safeParse({ username: '', password: '', ...fields });
  const faults: Faults = {};
  for (const { path, message } of parsed.error?.issues ?? [])
    faults[path[0] as keyof SignUpFields] ??= message;
  if (!parsed.success) return { faults };
  const fault = passwordFault(parsed.data.password, parsed.data);
  return fault === undefined ? { values: parsed.data } : { faults: { password: fault } };
}

/** Reads the same form without its password, for people who sign up with an account of another service. */
export function readLinkedSignUp(
  fields: Record<string, string>,
): { values: PasskeySignUpFields } | { faults: Faults } {
  const parsed = passkeySchema.safeParse({ username: '', ...fields });
  if (parsed.success) return { values: parsed.data };
  const faults: Faults = {};
  for (const { path, message } of parsed.error.issues) faults[path[0] as keyof Faults] ??= message;
  return { faults };
}

/** Reads the same form without its password, for people who chose a passkey. */
export function readPasskeySignUp(
  fields: Record<string, string>,
): { values: PasskeySignUpFields } | { fault: string } {
  const parsed = passkeySchema.safeParse({ username: '', ...fields });
  return parsed.success
    ? { values: parsed.data }
    : { fault: parsed.error.issues[0]?.message ?? 'Enter a username' };
}
