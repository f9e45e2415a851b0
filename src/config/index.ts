import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Retention } from '../maintenance/retention.ts';
import {
  fileOf,
  issuerFaults,
  keptSecrets,
  passkeyFaults,
  retentionOf,
  secretFaults,
  senderOf,
  smtpFaults,
} from './checks.ts';
import { readAuthenticatorNames, readRootCertificates } from './passkey-files.ts';

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
  LATCHKEY_PASSKEY_ROOTS: z.string().optional(),
  LATCHKEY_RECOVER_BY_EMAIL: flag.default(false),
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
  /** Whether a confirmed mailbox opens an account without a password: a link to a new passkey is mailed there. */
  recoverByEmail: boolean;
  passkeys: {
    /** What happens when a key's counter did not go up. */
    counter: 'warn' | 'second_factor' | 'block';
    /** Models that may be registered; none: any. */
    aaguids: string[];
    /** The PEM certificates that an attestation must chain to, when `aaguids` lists models. */
    rootCertificates: string[];
    /** AAGUID → the name of the model. */
    names: Map<string, string>;
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
  override readonly name = 'ConfigError';
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

const named = (rules: string[], kind: string) =>
  rules.filter((rule) => rule.startsWith(`${kind}:`)).map((rule) => rule.slice(kind.length + 1));

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
  const { LATCHKEY_PASSKEY_ROOTS: rootsFile, LATCHKEY_PASSKEY_NAMES: namesFile } = values;
  const rootCertificates = fileOf('LATCHKEY_PASSKEY_ROOTS', rootsFile, readRootCertificates, faults);
  const names = fileOf('LATCHKEY_PASSKEY_NAMES', namesFile, readAuthenticatorNames, faults);
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
    recoverByEmail: values.LATCHKEY_RECOVER_BY_EMAIL,
    passkeys: {
      counter: values.LATCHKEY_PASSKEY_COUNTER,
      aaguids: values.LATCHKEY_PASSKEY_AAGUIDS.map((aaguid) => aaguid.toLowerCase()),
      rootCertificates: rootCertificates ?? [],
      names: names ?? new Map(),
      relatedOrigins: values.LATCHKEY_RELATED_ORIGINS,
    },
  };
}
