import { z } from 'zod';
import { SCOPE_TOKEN } from '../../access/scopes.ts';
import { refuse } from '../../kit/errors.ts';
import { visibleText } from '../../kit/text.ts';
import { AUTH_TYPES, CLIENT_AUTH, IDENTITY_SOURCES, SERVICE_NAME, type Service } from './service-config.ts';
import { isBelow, serviceUrl, withSlash } from './urls.ts';

/** Words that are pages or verbs beside the names of services. */
const RESERVED = new Set(['new', 'add', 'log', 'usage', 'preferences', 'callback', 'proxy']);
/** What this server itself sends in an authorization request. */
const OWN_PARAMETERS = new Set(
  'client_id client_secret code code_challenge code_challenge_method nonce redirect_uri request request_uri response_mode response_type scope state'.split(
    ' ',
  ),
);
/** What this server or HTTP itself sets in a request. A key in one of them would be lost or read as something else. */
const OWN_HEADERS =
  /^(host|cookie|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*)$/i;
const NAME_RULE =
  'A name has 1 to 64 characters: small letters, digits and -, beginning with a letter, such as google';

const name = z
  .string(NAME_RULE)
  .regex(SERVICE_NAME, NAME_RULE)
  .refine((text) => !RESERVED.has(text), 'This name is a word of Latchkey itself. Choose another one');

const scopes = z
  .array(z.string().regex(SCOPE_TOKEN, 'A scope has the characters that RFC 6749 allows, without spaces'))
  .max(100, 'A service has at most 100 scopes')
  .refine((all) => all.join(' ').length <= 4000, 'Scopes have at most 4000 characters in total');

const MEMBER_RULE = 'A member of the identity is named with dots between its parts, such as user.id';
const member = z
  .string(MEMBER_RULE)
  .regex(/^[A-Za-z@][\w@-]{0,63}(\.[A-Za-z@][\w@-]{0,63}){0,4}$/, MEMBER_RULE);

const RATE_RULE = 'A rate limit is a number of requests from 1 to 100000 and of seconds from 1 to 86400';
const rateLimit = z.strictObject(
  {
    requests: z.int(RATE_RULE).min(1, RATE_RULE).max(100_000, RATE_RULE),
    seconds: z.int(RATE_RULE).min(1, RATE_RULE).max(86_400, RATE_RULE),
  },
  RATE_RULE,
);

const PARAMETER_RULE = 'A parameter of the authorization request has a name of letters, digits, _ . and -';
const authorizeParams = z
  .record(z.string().regex(/^[\w.-]{1,64}$/, PARAMETER_RULE), visibleText('A parameter', 500), PARAMETER_RULE)
  .superRefine((params, context) => {
    const own = Object.keys(params).find((one) => OWN_PARAMETERS.has(one));
    if (own) context.addIssue({ code: 'custom', message: `Latchkey sets the parameter ${own} itself` });
    if (Object.keys(params).length > 20)
      context.addIssue({
        code: 'custom',
        message: 'An authorization request has at most 20 more parameters',
      });
  });

const HEADER_RULE = 'The header of an API key has a name such as X-API-Key, which HTTP itself does not use';
const header = z
  .string(HEADER_RULE)
  .regex(/^[A-Za-z0-9-]{1,64}$/, HEADER_RULE)
  .refine((text) => !OWN_HEADERS.test(text), HEADER_RULE);

const METHOD_RULE = 'A method that only reads is POST, REPORT, PROPFIND, QUERY or SEARCH';

/** The schema of a service as it is stored. @param allowPrivate LATCHKEY_ALLOW_PRIVATE_SERVICES */
export function createServiceSchema(allowPrivate: boolean) {
  const endpoint = (what: string) => serviceUrl(what, { allowPrivate, mayHaveQuery: true });
  const settings = z.strictObject({
    authorizeParams: authorizeParams.optional(),
    clientAuth: z
      .enum(CLIENT_AUTH, `This server authenticates at a token endpoint with ${CLIENT_AUTH.join(', ')}`)
      .optional(),
    apiKey: z
      .strictObject({ header, check: z.strictObject({ url: endpoint('The URL that checks a key') }) })
      .optional(),
    identity: z.strictObject(
      {
        from: z.enum(IDENTITY_SOURCES, `An identity is read from ${IDENTITY_SOURCES.join(', ')}`),
        url: endpoint('The URL of the identity').optional(),
        id: member,
        email: member.optional(),
        emailVerified: member.optional(),
        name: member.optional(),
        picture: member.optional(),
      },
      {
        error: ({ code }) =>
          code === 'invalid_type'
            ? 'Say where the identity of an account is read: settings.identity'
            : undefined,
      },
    ),
    maySignIn: z.boolean('Whether people can sign in with it is true or false').optional(),
    signIn: z
      .strictObject({ scopes: scopes.optional(), authorizeParams: authorizeParams.optional() })
      .optional(),
    rateLimit: rateLimit.optional(),
    readMethods: z
      .array(z.enum(['POST', 'REPORT', 'PROPFIND', 'QUERY', 'SEARCH'], METHOD_RULE), METHOD_RULE)
      .optional(),
    sync: z.enum(['google', 'motion'], 'The reader is google or motion').optional(),
    readScopes: scopes.optional(),
    writeScopes: scopes.optional(),
  });
  return z.strictObject({
    name,
    displayName: visibleText('The name on pages', 100).min(1, 'Enter a name'),
    authType: z.enum(AUTH_TYPES, `A service authenticates requests by ${AUTH_TYPES.join(' or ')}`),
    issuer: serviceUrl('The issuer', { allowPrivate, mayHaveQuery: false, maximum: 255 }).optional(),
    clientId: visibleText('The client id', 1000).min(1, 'Enter the client id').optional(),
    clientSecret: z
      .string()
      .regex(/^[\x20-\x7e]{1,2000}$/, 'The client secret has 1 to 2000 visible ASCII characters')
      .optional(),
    scopes,
    authUrl: endpoint('The authorization endpoint').optional(),
    tokenUrl: endpoint('The token endpoint').optional(),
    revokeUrl: endpoint('The revocation endpoint').optional(),
    userinfoUrl: endpoint('The userinfo endpoint').optional(),
    apiBaseUrls: z
      .array(
        serviceUrl('The base URL of the API', { allowPrivate, mayHaveQuery: false }).transform(withSlash),
      )
      .max(20, 'A service has at most 20 base URLs'),
    settings,
  });
}

/** A service before it is stored. */
export type ServiceInput = Omit<Service, 'isActive'>;

/** @throws LatchkeyError invalid_input when the parts of a service do not fit together */
export function checkCombination(service: ServiceInput, hasSecret: boolean): void {
  const { authType, settings, apiBaseUrls } = service;
  const { identity, apiKey, clientAuth } = settings;
  if (authType === 'oauth2') {
    if (service.clientId === undefined)
      refuse(
        'service_client_missing',
        'Register Latchkey at the service, and pass the client id: --client-id.',
      );
    if (!hasSecret && clientAuth !== 'none')
      refuse(
        'service_secret_missing',
        'Pass the secret of the client on standard input: --client-secret-stdin. A client without one needs --client-auth none.',
      );
    if (service.authUrl === undefined || service.tokenUrl === undefined)
      refuse(
        'service_endpoints_missing',
        'A service with OAuth 2 needs an authorization endpoint and a token endpoint. Name them, or the issuer that publishes them.',
      );
  } else {
    if (settings.maySignIn)
      refuse(
        'service_sign_in_unsuitable',
        'Nobody can sign in with an API key. Allow it only for a service with OAuth 2.',
      );
    if (service.clientId !== undefined || hasSecret)
      refuse('service_client_unsuitable', 'A service with API keys has no client id and no client secret.');
    if (apiKey === undefined || apiBaseUrls.length === 0 || identity.from !== 'api')
      refuse(
        'service_key_settings_missing',
        'A service with API keys needs settings.apiKey, an identity that is read from the API, and a base URL of the API.',
      );
  }
  if (identity.from === 'id_token' && service.issuer === undefined)
    refuse('service_issuer_missing', 'An identity from the ID token needs the issuer of the service.');
  if (identity.from === 'userinfo' && service.userinfoUrl === undefined)
    refuse('service_userinfo_missing', 'An identity from the userinfo endpoint needs its URL.');
  if (identity.from === 'api' && identity.url === undefined)
    refuse('service_identity_missing', 'An identity from the API needs the URL where it is read.');
  const credentialUrls = [identity.from === 'api' ? identity.url : undefined, apiKey?.check.url];
  for (const url of credentialUrls)
    if (url !== undefined && !isBelow(url, apiBaseUrls))
      refuse(
        'service_url_outside',
        `A credential is sent only below the base URLs of the API, and ${url} is not.`,
      );
}
