import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { purgedTables, type Retention } from './upkeep/rules.ts';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const flag = z
  .enum(['true', 'false', '1', '0', 'on', 'off', ''])
  .transform((value) => ['true', '1', 'on'].includes(value));
const list = z
  .string()
  .default('')
  .transform((value) => [...new Set(value.split(/[\s,]+/).filter(Boolean))]);
const seconds = (fallback: number) => z.coerce.number().int().min(1).max(31_536_000).default(fallback);

/** Every variable of the server: its form and its default. `.env.example` documents each; a test holds it to this. */
export const variables = z.object({
  LATCHKEY_ISSUER: z.string().default('http://localhost:3000'),
  LATCHKEY_HOST: z.string().min(1).default('127.0.0.1'),
  LATCHKEY_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  LATCHKEY_DATABASE_URL: z.string().default('sqlite:data/latchkey.sqlite'),
  LATCHKEY_DATABASE_POOL: z.coerce.number().int().min(1).max(200).default(10),
  LATCHKEY_SECRETS: z.string().optional(),
  LATCHKEY_SMTP_URL: z.string().optional(),
  LATCHKEY_MAIL_FROM: z.string().optional(),
  LATCHKEY_REDIS_URL: z.string().optional(),
  LATCHKEY_PASSWORD_MIN_LENGTH: z.coerce.number().int().min(8).max(64).default(15),
  LATCHKEY_TRUST_PROXY: flag.default(false),
  LATCHKEY_LOG_LEVEL: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  LATCHKEY_ACCESS_TOKEN_TTL: seconds(3600),
  LATCHKEY_REFRESH_TOKEN_TTL: seconds(2_592_000),
  LATCHKEY_SESSION_TTL: seconds(1_209_600),
  LATCHKEY_RETENTION: z.string().optional(),
  LATCHKEY_SECOND_FACTOR: list,
  LATCHKEY_PASSKEY_COUNTER: z.enum(['warn', 'second_factor', 'block']).default('block'),
  LATCHKEY_PASSKEY_AAGUIDS: list,
  LATCHKEY_PASSKEY_NAMES: z.string().optional(),
  LATCHKEY_RELATED_ORIGINS: list,
});

export interface Config {
  production: boolean;
  issuer: string;
  host: string;
  port: number;
  databaseUrl: string;
  databasePool: number;
  secrets: string[];
  /** Variables that look like ours and are not read: the log and `latchkey doctor` name them. */
  unknownVariables: string[];
  mail: {
    /** Without one, development prints mail to the log and production sends none. */
    url?: string;
    from: { name: string; address: string };
  };
  /** Where addresses are limited; without it, in the database. */
  redisUrl?: string;
  /** In code points. */
  passwordMinLength: number;
  trustProxy: boolean;
  logLevel: string;
  /** The size of libuv's thread pool (UV_THREADPOOL_SIZE, which Node itself reads). */
  threads: number;
  /** Life times in seconds. */
  ttl: { accessToken: number; refreshToken: number; session: number };
  /** For how many days rows are kept after their end, where that is not the default of the table. */
  retention: Retention;
  /** Where a second factor is demanded. */
  secondFactor: { everyone: boolean; scopes: string[]; roles: string[] };
  passkeys: {
    /** What happens when a key's counter did not go up. */
    counter: 'warn' | 'second_factor' | 'block';
    /** Models that may be registered; none: any. */
    aaguids: string[];
    /** The file in which AAGUIDs have names. */
    namesFile: string | undefined;
    /** Origins of ours, besides the issuer, where the same passkeys may be used. */
    relatedOrigins: string[];
  };
}

/** Names that begin like ours and are none of ours: most likely misspelt. */
function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(Object.keys(variables.shape).flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(env).filter((name) => /^LATCHKEY_(?!TEST_)/.test(name) && !known.has(name));
}

/** All that is wrong with the configuration, one line a fault, each with its remedy. */
export class ConfigError extends Error {
  readonly faults: string[];
  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length} fault(s):\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

function readFiles(env: NodeJS.ProcessEnv, faults: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(variables.shape)) {
    const file = env[`${name}_FILE`];
    if (file !== undefined && env[name] !== undefined)
      faults.push(`${name} and ${name}_FILE are both set. Keep one.`);
    try {
      const value = file === undefined ? env[name] : readFileSync(file, 'utf8').trim();
      if (value !== undefined && value !== '') values[name] = value;
    } catch {
      faults.push(`${name}_FILE names ${file}, which cannot be read. Check the path and its permissions.`);
    }
  }
  return values;
}

function issuerFaults(issuer: string, production: boolean): string[] {
  const url = URL.parse(issuer);
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    return ['LATCHKEY_ISSUER must be a URL such as https://id.example.com.'];
  }
  const faults: string[] = [];
  if (url.origin !== issuer) faults.push(`LATCHKEY_ISSUER must be an origin alone: write ${url.origin}.`);
  if (production && url.protocol !== 'https:')
    faults.push('LATCHKEY_ISSUER must be an https URL in production.');
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    faults.push('LATCHKEY_ISSUER may be http only for localhost. Use https.');
  }
  return faults;
}

function secretFaults(ring: string[]): string[] {
  return ring.flatMap((secret, index) => {
    const place = `The ${index + 1}. value of LATCHKEY_SECRETS`;
    if (secret.length < 32)
      return [`${place} is shorter than 32 characters. Make one: openssl rand -base64 48`];
    if (new Set(secret).size < 12)
      return [`${place} is weak (few different characters). Make one: openssl rand -base64 48`];
    if (/change.?me|example|password|secret|default/i.test(secret)) {
      return [`${place} looks like a default. Make one: openssl rand -base64 48`];
    }
    return [];
  });
}

const AAGUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function passkeyFaults(values: z.output<typeof variables>): string[] {
  const rule = values.LATCHKEY_SECOND_FACTOR.find((one) => !/^(everyone|scope:.+|role:.+)$/.test(one));
  const aaguid = values.LATCHKEY_PASSKEY_AAGUIDS.find((one) => !AAGUID.test(one));
  const origin = values.LATCHKEY_RELATED_ORIGINS.find((one) => URL.parse(one)?.origin !== one);
  return [
    ...(rule
      ? [`LATCHKEY_SECOND_FACTOR is everyone, or a list of scope:… and role:…; ${rule} is neither.`]
      : []),
    ...(aaguid ? [`LATCHKEY_PASSKEY_AAGUIDS: ${aaguid} is no AAGUID.`] : []),
    ...(origin ? [`LATCHKEY_RELATED_ORIGINS: ${origin} is no origin such as https://example.org.`] : []),
  ];
}

const named = (rules: string[], kind: string) =>
  rules.filter((rule) => rule.startsWith(`${kind}:`)).map((rule) => rule.slice(kind.length + 1));
function smtpFaults(text: string): string[] {
  const url = URL.parse(text);
  // The value holds a password: it does not stand in the message.
  return url && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== ''
    ? []
    : ['LATCHKEY_SMTP_URL must be a URL such as smtp://user:password@mail.example.com:587, or smtps://….'];
}

/** `address` or `Name <address>`; unset, an address at the issuer's host. */
function senderOf(text: string | undefined, issuer: string, faults: string[]) {
  if (text === undefined) {
    const host = URL.parse(issuer)?.hostname ?? '';
    return { name: 'Latchkey', address: `no-reply@${LOOPBACK.has(host) ? 'localhost' : host}` };
  }
  const [, name = '', address = ''] = /^(?:([^<>"\p{Cc}]*)<)?([^<>\s]+)>?$/u.exec(text) ?? [];
  if (!z.email().safeParse(address).success || text.includes('<') !== text.endsWith('>'))
    faults.push('LATCHKEY_MAIL_FROM must be an address, or a name and an address: Example <id@example.com>.');
  return { name: name.trim(), address };
}

/** `T_auth_audit_log=365,T_user_sessions=7`, in days. */
function retentionOf(text: string, faults: string[]): Retention {
  const retention: Retention = {};
  for (const entry of text.split(',').map((one) => one.trim())) {
    const [, table = '', days = ''] = /^(T_\w+)=(\d{1,5})$/.exec(entry) ?? [];
    if (purgedTables.includes(table)) retention[table] = Number(days);
    else
      faults.push(
        `LATCHKEY_RETENTION is a list of table=days; ${entry} names no table whose rows expire. See docs/DATABASE.md.`,
      );
  }
  return retention;
}

/** Development only: secrets that nobody set are made once and kept beside the embedded database. */
function keptSecrets(file: string): string[] {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    // `wx`: of two servers that start at once, one writes and both read the same.
    try {
      writeFileSync(file, `${randomBytes(48).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return readFileSync(file, 'utf8').trim().split(',');
}

/**
 * The server's configuration out of the environment: the only reader of it.
 * @param env usually `process.env`
 * @throws ConfigError with every fault at once
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const production = env.NODE_ENV === 'production';
  const faults: string[] = [];
  const parsed = variables.safeParse(readFiles(env, faults));
  if (!parsed.success) {
    faults.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}.`));
    throw new ConfigError(faults);
  }
  const values = parsed.data;
  faults.push(...issuerFaults(values.LATCHKEY_ISSUER, production));
  if (!/^(sqlite:.|postgres(ql)?:\/\/|mysql:\/\/|mariadb:\/\/)/.test(values.LATCHKEY_DATABASE_URL)) {
    faults.push('LATCHKEY_DATABASE_URL must begin with sqlite:, postgres://, mysql:// or mariadb://.');
  }
  faults.push(...passkeyFaults(values));
  if (values.LATCHKEY_SMTP_URL !== undefined) faults.push(...smtpFaults(values.LATCHKEY_SMTP_URL));
  const from = senderOf(values.LATCHKEY_MAIL_FROM, values.LATCHKEY_ISSUER, faults);
  if (!/^(rediss?:\/\/|$)/.test(values.LATCHKEY_REDIS_URL ?? ''))
    faults.push('LATCHKEY_REDIS_URL must begin with redis:// or rediss://.');
  const retention = values.LATCHKEY_RETENTION ? retentionOf(values.LATCHKEY_RETENTION, faults) : {};
  const given = values.LATCHKEY_SECRETS?.split(',').map((secret) => secret.trim());
  if (given) faults.push(...secretFaults(given));
  else if (production) faults.push('LATCHKEY_SECRETS is missing. Make one: openssl rand -base64 48');
  if (faults.length > 0) throw new ConfigError(faults);

  return {
    production,
    issuer: values.LATCHKEY_ISSUER,
    host: values.LATCHKEY_HOST,
    port: values.LATCHKEY_PORT,
    databaseUrl: values.LATCHKEY_DATABASE_URL,
    databasePool: values.LATCHKEY_DATABASE_POOL,
    unknownVariables: unknownVariables(env),
    secrets: given ?? keptSecrets(resolve('data/secrets')),
    mail: { url: values.LATCHKEY_SMTP_URL, from },
    redisUrl: values.LATCHKEY_REDIS_URL,
    passwordMinLength: values.LATCHKEY_PASSWORD_MIN_LENGTH,
    trustProxy: values.LATCHKEY_TRUST_PROXY,
    logLevel: values.LATCHKEY_LOG_LEVEL,
    threads: Number(env.UV_THREADPOOL_SIZE ?? 4) || 4,
    ttl: {
      accessToken: values.LATCHKEY_ACCESS_TOKEN_TTL,
      refreshToken: values.LATCHKEY_REFRESH_TOKEN_TTL,
      session: values.LATCHKEY_SESSION_TTL,
    },
    retention,
    secondFactor: {
      everyone: values.LATCHKEY_SECOND_FACTOR.includes('everyone'),
      scopes: named(values.LATCHKEY_SECOND_FACTOR, 'scope'),
      roles: named(values.LATCHKEY_SECOND_FACTOR, 'role'),
    },
    passkeys: {
      counter: values.LATCHKEY_PASSKEY_COUNTER,
      aaguids: values.LATCHKEY_PASSKEY_AAGUIDS.map((aaguid) => aaguid.toLowerCase()),
      namesFile: values.LATCHKEY_PASSKEY_NAMES,
      relatedOrigins: values.LATCHKEY_RELATED_ORIGINS,
    },
  };
}
