import { z } from 'zod';
import { isNetwork } from '../kit/networks.ts';
import type { Retention } from './retention.ts';

const flag = z
  .enum(['true', 'false', '1', '0', 'on', 'off', ''], { error: 'must be true or false' })
  .transform((value) => ['true', '1', 'on'].includes(value));

const list = z
  .string()
  .default('')
  .transform((value) => [...new Set(value.split(/[\s,]+/).filter(Boolean))]);

function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  const number = z.number().min(least, { error }).max(most, { error });
  return z
    .string()
    .regex(/^\d{1,10}$/, { error })
    .transform(Number)
    .pipe(number);
}

const oneOf = <const T extends string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

const MAX_PROXIES = 20;

/** A number of proxies, or the addresses and networks of proxies. */
const trustedProxies = z
  .string()
  .transform((value) => {
    if (['true', 'on', 'false', 'off'].includes(value)) return Number(['true', 'on'].includes(value));
    return /^\d+$/.test(value) ? Number(value) : value.split(/[\s,]+/).filter(Boolean);
  })
  .refine((value) => (typeof value === 'number' ? value <= MAX_PROXIES : value.every(isNetwork)), {
    error: `must be true, false, a number of proxies up to ${MAX_PROXIES}, or a list of their addresses and networks`,
  });

/** A field name (RFC 9110 section 5.1), in lower case as Node has it. */
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, { error: 'must be the name of a header, such as X-Client-Cert' })
  .transform((name) => name.toLowerCase());

const YEAR_SECONDS = 31_536_000;
/** The largest LATCHKEY_REFRESH_OVERLAP, in seconds: a used token must stop working within minutes. */
export const MAX_REFRESH_OVERLAP_SECONDS = 300;

/** Claims that say who someone is, or that a token needs. */
const TAKEN_CLAIMS = new Set(
  'sub name given_name family_name middle_name nickname profile website gender birthdate zoneinfo locale preferred_username picture updated_at email email_verified address phone_number phone_number_verified acr amr auth_time iss aud exp iat nonce azp sid at_hash c_hash s_hash jti active client_id scope username account_sealed'.split(
    ' ',
  ),
);

const groupsClaim = z
  .string()
  .regex(/^[A-Za-z][\w.:/-]{0,127}$/, { error: 'must be a name of letters, digits and _ . : / -' })
  .refine((name) => !TAKEN_CLAIMS.has(name), { error: 'must not be a claim with another meaning' });

/**
 * Every variable of the server, with its form and default. Each can also be set as NAME_FILE, to a file that has the value
 * (`config/index.ts`). `.env.example` explains each one; a test compares the two.
 */
export const variables = z.object({
  LATCHKEY_HOME: z.string().optional(),
  LATCHKEY_ISSUER: z.string().default('http://localhost:3000'),
  LATCHKEY_HOST: z.string().default('127.0.0.1'),
  LATCHKEY_PORT: wholeNumber(0, 65_535).default(3000),
  LATCHKEY_DATABASE_URL: z.string().default('sqlite:data/latchkey.sqlite'),
  LATCHKEY_DATABASE_POOL: wholeNumber(1, 200).default(10),
  LATCHKEY_SECRETS: z.string().optional(),
  LATCHKEY_SMTP_URL: z.string().optional(),
  LATCHKEY_MAIL_FROM: z.string().optional(),
  LATCHKEY_REDIS_URL: z.string().optional(),
  LATCHKEY_PASSWORD_MIN_LENGTH: wholeNumber(8, 64).default(15),
  LATCHKEY_TRUST_PROXY: trustedProxies.default(0),
  LATCHKEY_CLIENT_CERT_HEADER: headerName.optional(),
  LATCHKEY_CLIENT_CERT_VERIFIED_HEADER: headerName.optional(),
  LATCHKEY_MTLS_URL: z.string().optional(),
  LATCHKEY_KEEP_ALIVE: wholeNumber(1, 3600).default(65),
  LATCHKEY_DRAIN: wholeNumber(0, 600).default(3),
  LATCHKEY_LOG_LEVEL: oneOf(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  LATCHKEY_ACCESS_TOKEN_TTL: wholeNumber(1, YEAR_SECONDS).default(3600),
  LATCHKEY_REFRESH_TOKEN_TTL: wholeNumber(1, YEAR_SECONDS).default(2_592_000),
  LATCHKEY_REFRESH_TOKEN_MAX_TTL: wholeNumber(1, 10 * YEAR_SECONDS).default(7_776_000),
  LATCHKEY_REFRESH_OVERLAP: wholeNumber(0, MAX_REFRESH_OVERLAP_SECONDS).default(10),
  LATCHKEY_GROUPS_CLAIM: groupsClaim.default('groups'),
  LATCHKEY_SESSION_TTL: wholeNumber(1, YEAR_SECONDS).default(1_209_600),
  LATCHKEY_SESSION_MAX_TTL: wholeNumber(1, 10 * YEAR_SECONDS).default(7_776_000),
  LATCHKEY_RETENTION: z.string().default(''),
  LATCHKEY_SECOND_FACTOR: list,
  LATCHKEY_PASSKEY_COUNTER: oneOf(['warn', 'second_factor', 'block']).default('block'),
  LATCHKEY_PASSKEY_AAGUIDS: list,
  LATCHKEY_PASSKEY_NAMES: z.string().optional(),
  LATCHKEY_RELATED_ORIGINS: list,
  LATCHKEY_PASSKEY_ROOTS: z.string().optional(),
  LATCHKEY_RECOVER_BY_EMAIL: flag.default(false),
  LATCHKEY_PRESETS: z.string().optional(),
  LATCHKEY_REGISTRATION: oneOf(['closed', 'token', 'open']).default('open'),
  LATCHKEY_REGISTRATION_TTL: wholeNumber(3600, 10 * YEAR_SECONDS).default(7_776_000),
  LATCHKEY_METADATA_DOCUMENTS: flag.default(true),
  LATCHKEY_TOKEN_ENDPOINT_AUDIENCE: flag.default(false),
  LATCHKEY_IMPLICIT_GRANT: flag.default(false),
  LATCHKEY_ALLOW_PRIVATE_SERVICES: flag.default(false),
  LATCHKEY_GEOIP_FILE: z.string().optional(),
});

export type Variables = z.output<typeof variables>;

/** The configuration, checked and complete. */
export interface Config {
  production: boolean;
  /** The folder in which relative paths begin. */
  home: string;
  /** Sentences for the log about what was ignored or mended while the configuration was read. */
  notices: string[];
  issuer: string;
  host: string;
  port: number;
  /** The path of a SQLite file is absolute. */
  databaseUrl: string;
  databasePool: number;
  /** The first one encrypts and signs; all of them decrypt and verify. */
  secrets: string[];
  /** Variables that begin with LATCHKEY_ and are not known, so probably misspelt. The log and `latchkey doctor` list them. */
  unknownVariables: string[];
  mail: {
    /** Without it, development prints mail to the log and production sends none. */
    url?: string;
    from: { name: string; address: string };
  };
  /** Where rate limits are counted. Without it, they are counted in the database. */
  redisUrl?: string;
  /** The shortest password, in code points. */
  passwordMinLength: number;
  /** The number of proxies in front, or a list of their addresses and networks. */
  trustProxy: number | string[];
  /** The headers in which trusted proxies pass on certificates of clients, in lower case. Without it, there is no mutual TLS. */
  clientCertificates?: { header: string; verifiedHeader: string | undefined } | undefined;
  /** Where clients reach this server with their certificates, if not at the issuer. */
  mtlsUrl?: string | undefined;
  /** How many seconds a connection is kept for the next request. */
  keepAlive: number;
  /** How many seconds a stopping server still answers. */
  drain: number;
  logLevel: string;
  /** The size of libuv's thread pool, which Node reads from UV_THREADPOOL_SIZE. */
  threads: number;
  /** Lifetimes in seconds. */
  ttl: {
    accessToken: number;
    refreshToken: number;
    refreshTokenMax: number;
    session: number;
    sessionMax: number;
  };
  /** For how many seconds after its first use a refresh token still works, unless the client has its own value. */
  refreshOverlap: number;
  /** A second name of the claim `roles`, for applications that read groups. */
  groupsClaim: string;
  retention: Retention;
  /** The folder with the operator's own presets. */
  presets?: string | undefined;
  /** Applications that describe themselves. */
  registration: {
    /** Whether nobody may register one, only with a token, or anyone. */
    mode: 'closed' | 'token' | 'open';
    /** Seconds since its last use after which one is forgotten. */
    ttl: number;
    /** Whether a URL is accepted as a client_id, with a document there in the place of a registration. */
    documents: boolean;
  };
  /** Whether the assertion of any client may have the token endpoint as its audience. */
  tokenEndpointAudience: boolean;
  /** Whether applications can be registered for tokens from the authorization endpoint. */
  implicitGrant: boolean;
  /** Whether requests to URLs of others may use http and private addresses. */
  allowPrivateServices: boolean;
  /** A database in the MaxMind DB format, for the places of sessions. Absolute. */
  geoipFile?: string | undefined;
  /** People who must have a second factor. */
  secondFactor: { everyone: boolean; scopes: string[]; roles: string[] };
  /** Whether an account without a password can be recovered by a link to its confirmed e-mail address. */
  recoverByEmail: boolean;
  passkeys: {
    /** What happens when the signature counter of a key does not increase. */
    counter: 'warn' | 'second_factor' | 'block';
    /** The only models that can be registered. Empty: any model. */
    aaguids: string[];
    /** PEM certificates. With `aaguids`, an attestation must chain to one of them. */
    rootCertificates: string[];
    /** The name of each model, by AAGUID. */
    names: Map<string, string>;
    /** Other origins of the operator where the same passkeys can be used. */
    relatedOrigins: string[];
  };
}
