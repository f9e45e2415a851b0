import { z } from 'zod';

/** The one form in which usernames and addresses are stored and compared. */
export const normalise = (value: string) => value.trim().normalize('NFKC').toLowerCase();

const VISIBLE = /^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u;

export const username = z
  .string()
  .transform(normalise)
  .pipe(
    z
      .string()
      .min(1, 'Enter a username')
      .max(255, 'A username has at most 255 characters')
      .regex(/^[^\s]+$/, 'A username has no spaces')
      // What nobody sees would make two accounts look like one.
      .regex(/^[^\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]*$/u, 'A username has no invisible characters'),
  );

export const email = z.string().transform(normalise).pipe(z.email('This is not an e-mail address').max(255));

/** Its rules are `passwords/rules.ts`. */
export const password = z.string().min(1, 'Enter a password');

const scopes = z
  .string()
  .max(4000)
  .transform((value) => [...new Set(value.split(/\s+/).filter(Boolean))]);

export const accountInput = z.strictObject({
  username,
  email: email.optional(),
  name: z.string().trim().max(255).regex(VISIBLE, 'A name has no control characters').optional(),
  scope: scopes.default(['openid', 'profile', 'email']),
  password,
});

export type AccountInput = z.input<typeof accountInput>;
