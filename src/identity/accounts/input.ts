import { z } from 'zod';
import { visibleText } from '../../kit/text.ts';
import { displayNameField, emailField, passwordField, scopesField, usernameField } from '../fields.ts';
import { detailFields, detailOptions } from './personal-detail-fields.ts';
import { THEMES } from './preferences.ts';
import { isTimeZone } from './time-zones.ts';

const orNull = (text: string): string | null => text || null;

const givenNameField = visibleText('A given name');
const familyNameField = visibleText('A family name');
const localeField = z
  .string()
  .max(35, 'A locale has at most 35 characters')
  .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'A locale is a language tag such as en or pt-BR');

const zoneField = z
  .string()
  .refine(isTimeZone, 'A time zone is a name of the IANA database, such as Europe/Lisbon');

/** The field, or an empty text, which becomes null. */
const orNone = <T extends z.ZodType>(field: T) => z.union([z.literal('').transform(() => null), field]);

/** An account that an operator creates. `scope` is its ceiling: the most that its tokens may carry. */
export const accountInput = z.strictObject({
  username: usernameField,
  email: emailField.optional(),
  name: displayNameField.optional(),
  scope: scopesField.default(['openid', 'profile', 'email']),
  givenName: givenNameField.optional(),
  familyName: familyNameField.optional(),
  locale: localeField.optional(),
  zoneinfo: zoneField.optional(),
  ...detailOptions,
  /** Whether the operator vouches that the phone number is theirs. */
  phoneNumberVerified: z.boolean().default(false),
  /** Whether the operator vouches that its owner reads mail at `email`. */
  emailVerified: z.boolean().default(false),
  password: passwordField,
});

/** Members that are undefined keep their value; an empty text removes it. */
export const accountChange = z.strictObject({
  username: usernameField.optional(),
  email: orNone(emailField).optional(),
  emailVerified: z.boolean().optional(),
  name: displayNameField.transform(orNull).optional(),
  givenName: givenNameField.transform(orNull).optional(),
  familyName: familyNameField.transform(orNull).optional(),
  locale: orNone(localeField).optional(),
  zoneinfo: orNone(zoneField).optional(),
  ...detailOptions,
  phoneNumberVerified: z.boolean().optional(),
  scope: scopesField.optional(),
});

export const usernameChange = z.object({ username: usernameField });

/** What users change of their own profile; an empty text removes a value. */
export const profileChange = z.object({
  name: displayNameField.transform(orNull),
  given_name: givenNameField.transform(orNull),
  family_name: familyNameField.transform(orNull),
  locale: orNone(localeField),
  zoneinfo: orNone(zoneField),
  ...z.object(detailFields).partial().shape,
  theme: z.enum(['', ...THEMES], 'Choose one of the looks').transform((theme) => theme || undefined),
});

export type ProfileChange = { [name in keyof z.input<typeof profileChange>]: string | undefined };

export type AccountChange = z.input<typeof accountChange>;
export type AccountInput = z.input<typeof accountInput>;
