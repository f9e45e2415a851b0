import { z } from 'zod';
import { claimMappingFault, findRepeatedClaim, MAX_MAPPINGS } from '../../access/claim-mappings.ts';
import { parseScopes, SCOPE_TOKEN } from '../../access/scopes.ts';
import { MAX_REFRESH_OVERLAP_SECONDS } from '../../config/settings.ts';
import { visibleText } from '../../kit/text.ts';
import { authentication } from './auth-input.ts';
import { GRANT_TYPES } from './grant-types.ts';
import { checkLogoUri } from './logo.ts';
import { messageFields } from './message-metadata.ts';
import { OWN_CLIENT_ID } from './own-client.ts';
import { policyFields } from './policy-metadata.ts';
import { redirectUris } from './redirect-uris.ts';
import { webAddress } from './web-address.ts';

const PKCE_LEVELS = ['always', 'or-nonce', 'off'] as const;

/** How an application must protect its codes (OAuth 2.1 section 7.5.1). */
export type PkceLevel = (typeof PKCE_LEVELS)[number];

/** An origin as browsers send it (RFC 6454 section 6.2), such as `https://app.example` or `capacitor://localhost`. */
const corsOrigin = z
  .string()
  .max(255, 'An origin has at most 255 characters')
  .regex(
    /^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?$/,
    'An origin has a scheme, a host in lower case and perhaps a port, such as https://app.example or capacitor://localhost',
  );
const corsOrigins = z.array(corsOrigin).max(50, 'An application has at most 50 origins');

const scope = z
  .string()
  .max(4000, 'Scopes have at most 4000 characters in total')
  .transform(parseScopes)
  .refine(
    (scopes) => scopes.every((one) => SCOPE_TOKEN.test(one)),
    'A scope contains a character that RFC 6749 does not allow',
  );

const name = visibleText('A name').min(1, 'Enter a name');

/** The longest lifetime of refresh tokens: ten years, after which every grant ends. */
const MAX_REFRESH_TTL_SECONDS = 315_360_000;
const TTL_RULE = `A lifetime is a whole number of seconds from 1 to ${MAX_REFRESH_TTL_SECONDS}`;
const refreshTokenMaxTtl = z
  .number(TTL_RULE)
  .int(TTL_RULE)
  .min(1, TTL_RULE)
  .max(MAX_REFRESH_TTL_SECONDS, TTL_RULE);
const OVERLAP_RULE = `A refresh overlap is a whole number of seconds from 0 to ${MAX_REFRESH_OVERLAP_SECONDS}`;
const refreshOverlap = z
  .int(OVERLAP_RULE)
  .min(0, OVERLAP_RULE)
  .max(MAX_REFRESH_OVERLAP_SECONDS, OVERLAP_RULE);

const grantTypes = z.array(z.enum(GRANT_TYPES, `A grant type is one of ${GRANT_TYPES.join(', ')}`));

/** A client_id. It has no `:` (HTTP Basic ends the client_id there), and nothing that a URL would have to escape. */
const clientId = z
  .string()
  .regex(
    /^[A-Za-z0-9._~-]{1,255}$/,
    'A client_id has 1 to 255 letters, digits, dots, hyphens, underscores and tildes',
  )
  .refine((id) => id !== OWN_CLIENT_ID, `The client_id ${OWN_CLIENT_ID} is that of the server's own pages`);

const APPLICATION_TYPES = ['web', 'native'] as const;
const applicationType = z.enum(
  APPLICATION_TYPES,
  `The application type is one of ${APPLICATION_TYPES.join(', ')}`,
);

const pkce = z.enum(PKCE_LEVELS, `The PKCE level is one of ${PKCE_LEVELS.join(', ')}`);

const claimMapping = z.string().check((context) => {
  const message = claimMappingFault(context.value);
  if (message) context.issues.push({ code: 'custom', input: context.value, message });
});
const claims = z
  .array(claimMapping)
  .max(MAX_MAPPINGS, `An application has at most ${MAX_MAPPINGS} claims of its own`)
  .check((context) => {
    const name = findRepeatedClaim(context.value);
    if (name !== undefined)
      context.issues.push({
        code: 'custom',
        input: context.value,
        message: `The claim ${name} is named twice for the same place`,
      });
  });

const contacts = z
  .array(z.email('A contact is an e-mail address'))
  .max(10, 'An application has at most 10 contacts');

/** OpenID Connect Dynamic Client Registration section 2 allows only https. */
const loginAddress = webAddress.refine(
  (address) => address.startsWith('https:'),
  'An initiate_login_uri begins with https://',
);

/** Where the application is pinged. The address begins with https:// (CIBA Core section 4). */
const cibaNotificationUri = webAddress.refine(
  (address) => address.startsWith('https:'),
  'A CIBA notification address begins with https://',
);

/** An issuer, perhaps with the client_id that the application has there. */
const assertionAudiences = z
  .array(
    z
      .string()
      .max(512, 'An audience has at most 512 characters')
      .regex(
        /^https?:\/\/\S+( \S+)?$/,
        'An audience is an issuer, perhaps followed by a space and a client_id',
      ),
  )
  .max(50, 'An application may get assertions for at most 50 audiences');

const exchangeResources = z
  .array(z.string().max(255, 'The identifier of a resource has at most 255 characters'))
  .max(50, 'An application may exchange tokens for at most 50 resources');

/** OpenID Connect Back-Channel Logout 1.0 section 2.2. */
const backchannelLogoutUri = webAddress.refine(
  (address) => !address.includes('#'),
  'A back-channel logout address has no fragment',
);

/** Pages of an application (RFC 7591 section 2) to which our own pages link. */
const links = {
  clientUri: webAddress.optional(),
  initiateLoginUri: loginAddress.optional(),
  policyUri: webAddress.optional(),
  tosUri: webAddress.optional(),
};

/**
 * The logo (RFC 7591 section 2), as a `data:` URL only. A browser that loaded it from elsewhere would tell that site who is
 * asked, and when; the server would have to fetch addresses that others choose.
 */
const logoUri = z.string().transform(checkLogoUri);

/** A new application, as the command describes it. */
export const clientInput = z.strictObject({
  name,
  ...links,
  logoUri: logoUri.optional(),
  clientId: clientId.optional(),
  redirectUris: redirectUris.default([]),
  postLogoutRedirectUris: redirectUris.default([]),
  public: z.boolean().default(false),
  firstParty: z.boolean().default(false),
  displayCode: z.boolean().default(false),
  /** An API. `scope` is what it serves. */
  resourceServer: z.boolean().default(false),
  corsOrigins: corsOrigins.default([]),
  /** Web or native. Default: what its kind and its redirect URIs suggest. */
  applicationType: applicationType.optional(),
  /** Scopes that it may request. Default: `openid profile email`, or none for a service without users. */
  scope: scope.optional(),
  defaultScope: scope.optional(),
  grantTypes: grantTypes.optional(),
  /** How it protects its codes. Default: `always` for public applications, and `or-nonce` for those with a secret. */
  pkce: pkce.optional(),
  /** Whether its authorization requests must be pushed (RFC 9126 section 6). */
  requirePar: z.boolean().default(false),
  /** Whether its tokens are bound to a key of its own (RFC 9449 section 5.2). */
  requireDpop: z.boolean().default(false),
  /** The resources for which it may exchange tokens. */
  exchangeResources: exchangeResources.default([]),
  /** The other authorization servers for which it may get identity assertions (ID-JAG). */
  assertionAudiences: assertionAudiences.default([]),
  /** Null: it polls for the answer (CIBA). */
  cibaNotificationUri: cibaNotificationUri.nullable().default(null),
  /** Null: it is notified of no sign-out. */
  backchannelLogoutUri: backchannelLogoutUri.nullable().default(null),
  ...authentication,
  /** Whether it follows the FAPI 2.0 Security Profile; then it also gets the members that the profile requires. */
  fapi: z.boolean().default(false),
  /** Whether its tokens are bound to its certificate (RFC 8705 section 3). */
  requireMtls: z.boolean().default(false),
  /** E-mail addresses of people who are responsible for it. */
  contacts: contacts.optional(),
  idTokenSignedResponseAlg: z.enum(['RS256', 'ES256', 'EdDSA']).default('RS256'),
  ...messageFields,
  ...policyFields,
  /** Claims beside those of its scopes: `NAME=SOURCE`, perhaps with `@id_token` or `@userinfo`. */
  claims: claims.default([]),
  /** Null: the server's own setting. */
  refreshTokenMaxTtl: refreshTokenMaxTtl.nullable().default(null),
  /** Null: the server's own setting. */
  refreshOverlap: refreshOverlap.nullable().default(null),
});

/** Members that are undefined keep their value. */
export const clientChange = z.strictObject({
  name: name.optional(),
  ...links,
  /** Null removes it. */
  logoUri: logoUri.nullable().optional(),
  public: z.boolean().optional(),
  grantTypes: grantTypes.optional(),
  redirectUris: redirectUris.optional(),
  postLogoutRedirectUris: redirectUris.optional(),
  firstParty: z.boolean().optional(),
  resourceServer: z.boolean().optional(),
  corsOrigins: corsOrigins.optional(),
  applicationType: applicationType.optional(),
  scope: scope.optional(),
  /** Empty: the server's own default. */
  defaultScope: scope.optional(),
  pkce: pkce.optional(),
  requirePar: z.boolean().optional(),
  requireDpop: z.boolean().optional(),
  exchangeResources: exchangeResources.optional(),
  assertionAudiences: assertionAudiences.optional(),
  /** Null removes it. */
  cibaNotificationUri: cibaNotificationUri.nullable().optional(),
  /** Null removes it. */
  backchannelLogoutUri: backchannelLogoutUri.nullable().optional(),
  ...authentication,
  fapi: z.boolean().optional(),
  requireMtls: z.boolean().optional(),
  contacts: contacts.optional(),
  ...messageFields,
  ...policyFields,
  claims: claims.optional(),
  idTokenSignedResponseAlg: z.enum(['RS256', 'ES256', 'EdDSA']).optional(),
  refreshTokenMaxTtl: refreshTokenMaxTtl.nullable().optional(),
  refreshOverlap: refreshOverlap.nullable().optional(),
});

export type ClientInput = z.input<typeof clientInput>;
export type ClientChange = z.input<typeof clientChange>;
