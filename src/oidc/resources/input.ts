import { z } from 'zod';
import { isBuiltIn, parseScopes, SCOPE_TOKEN } from '../../access/scopes.ts';
import { visibleText } from '../../kit/text.ts';
import { SIGNED_TOKEN_TTL_SECONDS } from '../fixed-lifetimes.ts';
import { SIGNING_ALGS, TOKEN_FORMATS } from './store.ts';

/** The longest lifetime of a JWT access token. A JWT cannot be revoked, and a retired key stays published only long enough for tokens of this age. */
export const MAX_JWT_TTL_SECONDS = SIGNED_TOKEN_TTL_SECONDS;
const MAX_TOKEN_TTL_SECONDS = 86_400;
const MIN_TOKEN_TTL_SECONDS = 30;

/** RFC 8707 section 2: an absolute URI without a fragment. Requests must name it in exactly this form. */
const IDENTIFIER = /^[a-z][a-z0-9+.-]*:[!-"$-~]{1,250}$/;

/** Whether the text has the form of an identifier. If not, the database need not be asked. */
export const isIdentifier = (text: unknown): text is string =>
  typeof text === 'string' && text.length <= 255 && IDENTIFIER.test(text) && URL.canParse(text);

const identifier = z
  .string()
  .refine(
    isIdentifier,
    'An identifier is an absolute URI of at most 255 characters without a fragment, such as https://notes.example/api',
  );

const name = visibleText('A name').min(1, 'Enter a name');

const scope = z
  .string()
  .max(4000, 'Scopes have at most 4000 characters in total')
  .transform(parseScopes)
  .refine((scopes) => scopes.length > 0, 'A resource serves at least one scope')
  .refine(
    (scopes) => scopes.every((one) => SCOPE_TOKEN.test(one) && !one.includes('*')),
    'The scopes of a resource are named one by one, in the characters that RFC 6749 allows and without wildcards',
  )
  .refine(
    (scopes) => !scopes.some(isBuiltIn),
    'openid, offline_access, profile, email, address, phone and the scopes that begin with latchkey: belong to Latchkey itself',
  );

const format = z.enum(TOKEN_FORMATS, `The format is one of ${TOKEN_FORMATS.join(', ')}`);
const alg = z.enum(SIGNING_ALGS, `The algorithm is one of ${SIGNING_ALGS.join(', ')}`);
const TTL_RULE = `A token lives a whole number of seconds from ${MIN_TOKEN_TTL_SECONDS} to ${MAX_TOKEN_TTL_SECONDS}`;
const ttl = z.int(TTL_RULE).min(MIN_TOKEN_TTL_SECONDS, TTL_RULE).max(MAX_TOKEN_TTL_SECONDS, TTL_RULE);

const TYPE_RULE =
  'An authorization type has the form TYPE=WORDS, such as payment_initiation=Make the payment: a type of at most 100 characters without spaces, and what the consent page says';

/** `TYPE=WORDS`, each type once. The type is compared byte for byte (RFC 9396 section 2). */
const authorizationTypes = z
  .array(
    z
      .string()
      .regex(/^[!-<>-~]{1,100}=\s*\S.{0,199}$/, TYPE_RULE)
      .pipe(visibleText('An authorization type', 301)),
  )
  .max(20, 'A resource has at most 20 authorization types')
  .transform((texts) =>
    Object.fromEntries(
      texts.map((text) => {
        const end = text.indexOf('=');
        return [text.slice(0, end), text.slice(end + 1).trim()];
      }),
    ),
  );

export const resourceInput = z.strictObject({
  identifier,
  /** The name on pages. Default: the identifier. */
  name: name.optional(),
  scope,
  format: format.default('opaque'),
  alg: alg.default('RS256'),
  /** Seconds. Null: LATCHKEY_ACCESS_TOKEN_TTL, and for a JWT at most 600 (`resource-indicators.ts`). */
  ttl: ttl.nullable().default(null),
  /** The client of the API, registered with --resource-server. */
  clientId: z.string().nullable().default(null),
  /** Whether we publish its metadata (RFC 9728). */
  hostsMetadata: z.boolean().default(false),
  /** Types of authorization details (RFC 9396) that applications can request for it. */
  authorizationTypes: authorizationTypes.default({}),
});

/** What can be changed later. A member that is not given stays as it is. */
export const resourceChange = z.strictObject({
  name: name.optional(),
  scope: scope.optional(),
  format: format.optional(),
  alg: alg.optional(),
  ttl: ttl.nullable().optional(),
  clientId: z.string().nullable().optional(),
  hostsMetadata: z.boolean().optional(),
  /** Takes the place of all earlier ones. */
  authorizationTypes: authorizationTypes.optional(),
});

export type ResourceInput = z.input<typeof resourceInput>;
export type ResourceChange = z.input<typeof resourceChange>;
