import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  checkSecrets,
  checkValues,
  parseRetention,
  parseSender,
  readNamedFile,
  secretsMissing,
} from './checks.ts';
import { readOrCreateSecrets } from './development-secrets.ts';
import { readAuthenticatorNames, readRootCertificates } from './passkey-files.ts';
import { type Config, variables } from './variables.ts';

/** Everything that is wrong with the configuration, one line a fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(faults: string[]) {
    const lines = faults.map((fault) => `  - ${fault}`);
    super(`The configuration has ${faults.length === 1 ? 'a fault' : 'faults'}:\n${lines.join('\n')}`);
  }
}

/** Takes each value from NAME, or from the file that NAME_FILE names. An empty value counts as unset. */
function readValues(env: NodeJS.ProcessEnv, faults: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(variables.shape)) {
    const file = env[`${name}_FILE`];
    if (file !== undefined && env[name] !== undefined)
      faults.push(`${name} and ${name}_FILE cannot both be set. Remove one.`);
    try {
      const value = file === undefined ? env[name] : readFileSync(file, 'utf8').trim();
      if (value !== undefined && value !== '') values[name] = value;
    } catch {
      faults.push(`${name}_FILE names ${file}, which cannot be read. Correct the path or its permissions.`);
    }
  }
  return values;
}

function findUnknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(Object.keys(variables.shape).flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(env).filter((name) => /^LATCHKEY_(?!TEST_)/.test(name) && !known.has(name));
}

/** @returns the names in `scope:a`, `role:b`, … that have that kind */
const namesOf = (kind: string, rules: string[]) =>
  rules.filter((rule) => rule.startsWith(`${kind}:`)).map((rule) => rule.slice(kind.length + 1));

/**
 * Reads the configuration from the environment. Nothing else in `src/` reads it.
 * @throws ConfigError with every fault at once
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const production = env.NODE_ENV === 'production';
  const faults: string[] = [];
  const texts = readValues(env, faults);
  const parsed = variables.safeParse(texts);
  if (!parsed.success) {
    const names = new Map(parsed.error.issues.map(({ path, message }) => [String(path[0]), message]));
    for (const [name, rule] of names) faults.push(`${name} ${rule}. "${texts[name]}" is not allowed.`);
    throw new ConfigError(faults);
  }
  const values = parsed.data;
  faults.push(...checkValues(values, production));
  const { LATCHKEY_PASSKEY_ROOTS: rootsFile, LATCHKEY_PASSKEY_NAMES: namesFile } = values;
  const rootCertificates = readNamedFile('LATCHKEY_PASSKEY_ROOTS', rootsFile, readRootCertificates, faults);
  const names = readNamedFile('LATCHKEY_PASSKEY_NAMES', namesFile, readAuthenticatorNames, faults);
  const from = parseSender(values.LATCHKEY_MAIL_FROM, values.LATCHKEY_ISSUER, faults);
  const retention = parseRetention(values.LATCHKEY_RETENTION, faults);
  const secrets = values.LATCHKEY_SECRETS?.split(',').map((secret) => secret.trim());
  if (secrets) faults.push(...checkSecrets(secrets));
  else if (production) faults.push(secretsMissing);
  if (faults.length > 0) throw new ConfigError(faults);

  return {
    production,
    issuer: values.LATCHKEY_ISSUER,
    host: values.LATCHKEY_HOST,
    port: values.LATCHKEY_PORT,
    databaseUrl: values.LATCHKEY_DATABASE_URL,
    databasePool: values.LATCHKEY_DATABASE_POOL,
    secrets: secrets ?? readOrCreateSecrets(resolve('data/secrets')),
    unknownVariables: findUnknownVariables(env),
    mail: { url: values.LATCHKEY_SMTP_URL, from },
    redisUrl: values.LATCHKEY_REDIS_URL,
    passwordMinLength: values.LATCHKEY_PASSWORD_MIN_LENGTH,
    trustProxy: values.LATCHKEY_TRUST_PROXY,
    logLevel: values.LATCHKEY_LOG_LEVEL,
    threads: Number(env.UV_THREADPOOL_SIZE ?? 4) || 4,
    ttl: {
      accessToken: values.LATCHKEY_ACCESS_TOKEN_TTL,
      refreshToken: values.LATCHKEY_REFRESH_TOKEN_TTL,
      refreshTokenMax: values.LATCHKEY_REFRESH_TOKEN_MAX_TTL,
      session: values.LATCHKEY_SESSION_TTL,
    },
    refreshOverlap: values.LATCHKEY_REFRESH_OVERLAP,
    retention,
    secondFactor: {
      everyone: values.LATCHKEY_SECOND_FACTOR.includes('everyone'),
      scopes: namesOf('scope', values.LATCHKEY_SECOND_FACTOR),
      roles: namesOf('role', values.LATCHKEY_SECOND_FACTOR),
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
