import { z } from 'zod';
import { visibleText } from '../../kit/text.ts';
import { displayNameField, emailField, passwordField, scopesField, usernameField } from '../fields.ts';

const orNull = (text: string): string | null => text || null;

const givenNameField = visibleText('A given name');
const familyNameField = visibleText('A family name');
const localeField = z
  .string()
  .max(35, 'A locale has at most 35 characters')
  .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'A locale is a language tag such as en or pt-BR');

/** An account that an operator creates. `scope` is its ceiling: the most that its tokens may carry. */
export const accountInput = z.strictObject({
  username: usernameField,
  email: emailField.optional(),
  name: displayNameField.optional(),
  scope: scopesField.default(['openid', 'profile', 'email']),
  givenName: givenNameField.optional(),
  familyName: familyNameField.optional(),
  locale: localeField.optional(),
  /** Whether the operator vouches that its owner reads mail at `email`. */
  emailVerified: z.boolean().default(false),
  password: passwordField,
});

/** Members that are undefined keep their value; an empty text removes it. */
export const accountChange = z.strictObject({
  username: usernameField.optional(),
  email: z.union([z.literal('').transform(() => null), emailField]).optional(),
  emailVerified: z.boolean().optional(),
  name: displayNameField.transform(orNull).optional(),
  givenName: givenNameField.transform(orNull).optional(),
  familyName: familyNameField.transform(orNull).optional(),
  locale: z.union([z.literal('').transform(() => null), localeField]).optional(),
  scope: scopesField.optional(),
});

export type AccountChange = z.input<typeof accountChange>;
export type AccountInput = z.input<typeof accountInput>;
