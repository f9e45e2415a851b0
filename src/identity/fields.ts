import { z } from 'zod';
import { ROLE_NAME } from '../access/roles.ts';
import { parseScopes, SCOPE_TOKEN } from '../access/scopes.ts';
import { hasStrayMarks, hasTechnicalLatin, mixesScripts } from '../kit/scripts.ts';
import { visibleText } from '../kit/text.ts';

const MAX_FIELD_LENGTH = 255;
const MAX_SCOPES_LENGTH = 4000;

/** The longest password in characters. NIST SP 800-63B section 3.1.1.2 requires that at least 64 are accepted. */
export const MAX_PASSWORD_LENGTH = 256;

/**
 * Normalising takes time that grows with the square of the length. Four characters at most become one (U+1F82), so a
 * longer text has more than MAX_FIELD_LENGTH of them.
 */
const MAX_TYPED_LENGTH = 1024;

/** The form in which usernames and e-mail addresses are stored and compared. What is too long for both stays too long. */
export const normalise = (value: string) =>
  value.trim().slice(0, MAX_TYPED_LENGTH).normalize('NFKC').toLowerCase();

/** Invisible characters would make two different usernames look the same. */
const NOT_INVISIBLE = /^[^\p{Cc}\p{Cs}\ufffd\p{Cf}\p{Default_Ignorable_Code_Point}]*$/u;

/**
 * Letters, digits and the signs of a keyboard. Other signs look like these, such as the hyphen U+2010. The last five belong
 * into words of Catalan, Greek, Hebrew and Japanese.
 */
const SIGNS = /^[\p{L}\p{M}\p{Nd}!-~\u00b7\u0375\u05f3\u05f4\u30fb]*$/u;

/**
 * A username in its normal form, for a new account. It must not be an e-mail address: people and applications would take
 * it for proof that its owner reads mail there. An older account that has another username keeps it, and `doctor` names it.
 */
export const usernameField = z
  .string()
  .transform(normalise)
  .pipe(
    z
      .string()
      .min(1, 'Enter a username')
      .max(MAX_FIELD_LENGTH, `A username can have at most ${MAX_FIELD_LENGTH} characters`)
      .regex(/^\S+$/, 'A username must not contain spaces')
      .regex(NOT_INVISIBLE, 'A username must not contain unreadable or invisible characters')
      .regex(/^[^@]*$/, 'A username must not contain @. Your e-mail address has a field of its own')
      .regex(SIGNS, 'A username can have letters, digits and the signs of a keyboard only')
      .refine((name) => !hasStrayMarks(name), 'A username must not contain marks that hardly show')
      .refine((name) => !hasTechnicalLatin(name), 'A username must not contain phonetic letters')
      .refine((name) => !mixesScripts(name), 'A username must not mix letters of different alphabets'),
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
      .max(MAX_FIELD_LENGTH, `An e-mail address can have at most ${MAX_FIELD_LENGTH} characters`),
  );

export const displayNameField = visibleText('A name');

/** Any password that is not empty. `passwords/rules.ts` decides whether it may be set. */
export const passwordField = z
  .string()
  .min(1, 'Enter a password')
  .refine((password) => password.isWellFormed(), 'The password contains characters that cannot be read');

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
