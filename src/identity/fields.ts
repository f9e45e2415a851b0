import { z } from 'zod';
import { ROLE_NAME } from '../access/roles.ts';
import { parseScopes, SCOPE_TOKEN } from '../access/scopes.ts';

const MAX_LENGTH = 255;
const MAX_SCOPES_LENGTH = 4000;

/** The longest password in characters. NIST SP 800-63B section 3.1.1.2 requires that at least 64 are accepted. */
export const MAX_PASSWORD_LENGTH = 256;

/** The form in which usernames and e-mail addresses are stored and compared. */
export const normalise = (value: string) => value.trim().normalize('NFKC').toLowerCase();

/** No control characters, and no bidirectional overrides, which reorder the text around a name (Unicode TR 36). */
const VISIBLE = /^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u;

/** Invisible characters would make two different usernames look the same. */
const NOT_INVISIBLE = /^[^\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * One line of text that people read: a display name, a label, the name of a key.
 * @param what begins the error messages: `A name`
 */
export const visibleText = (what: string, maximum = MAX_LENGTH) =>
  z
    .string()
    .trim()
    .max(maximum, `${what} can have at most ${maximum} characters`)
    .regex(VISIBLE, `${what} must not contain control characters`);

/** A username in its normal form. */
export const usernameField = z
  .string()
  .transform(normalise)
  .pipe(
    z
      .string()
      .min(1, 'Enter a username')
      .max(MAX_LENGTH, `A username can have at most ${MAX_LENGTH} characters`)
      .regex(/^\S+$/, 'A username must not contain spaces')
      .regex(NOT_INVISIBLE, 'A username must not contain invisible characters'),
  );

/** An e-mail address in its normal form. */
export const emailField = z
  .string()
  .transform(normalise)
  .pipe(
    z
      .email({
        error: ({ input }) =>
          input === '' ? 'Enter an e-mail address' : 'Enter an e-mail address in the format name@example.com',
      })
      .max(MAX_LENGTH, `An e-mail address can have at most ${MAX_LENGTH} characters`),
  );

export const displayNameField = visibleText('A name');

/** Any password that is not empty. `passwords/rules.ts` decides whether it may be set. */
export const passwordField = z.string().min(1, 'Enter a password');

export const roleField = z
  .string()
  .trim()
  .regex(
    ROLE_NAME,
    'A role is one word of at most 64 letters, digits, dots, underscores, colons and hyphens',
  );

/** `openid email` → `['openid', 'email']`, each once. */
export const scopesField = z
  .string()
  .max(MAX_SCOPES_LENGTH, `The scopes can have at most ${MAX_SCOPES_LENGTH} characters together`)
  .transform(parseScopes)
  .refine(
    (scopes) => scopes.every((scope) => SCOPE_TOKEN.test(scope)),
    'A scope has a character that RFC 6749 does not allow',
  );
