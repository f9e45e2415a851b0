import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { resolveFiles } from '../kit/connection-url-tls.ts';
import {
  checkSecrets,
  checkValues,
  parseRetention,
  parseSender,
  readNamedFile,
  secretsMissing,
} from './checks.ts';
import { readOrCreateSecrets } from './development-secrets.ts';
import { findHome, readDotEnv } from './home.ts';
import { readAuthenticatorNames, readRootCertificates } from './passkey-files.ts';
import { findServiceLinks } from './service-links.ts';
import { type Config, type Variables, variables } from './settings.ts';

/** Everything that is wrong with the configuration, one line a fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(faults: string[]) {
    const lines = faults.map((fault) => `  - ${fault}`);
    super(`The configuration has ${faults.length === 1 ? 'a fault' : 'faults'}:\n${lines.join('\n')}`);
  }
}

/**
 * Takes each value from NAME, or from the file that NAME_FILE names. An empty value counts as unset; an empty file is a
 * fault, because a secret may be missing from it.
 */
function readValues(env: NodeJS.ProcessEnv, home: string, faults: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(variables.shape)) {
    const file = env[`${name}_FILE`];
    if (file !== undefined && env[name] !== undefined)
      faults.push(`${name} and ${name}_FILE cannot both be set. Remove one.`);
    try {
      const value = file === undefined ? env[name] : readFileSync(resolve(home, file), 'utf8').trim();
      if (value !== undefined && value !== '') values[name] = value;
      else if (file !== undefined) faults.push(`${name}_FILE names ${file}, which is empty.`);
    } catch {
      faults.push(`${name}_FILE names ${file}, which cannot be read. Correct the path or its permissions.`);
    }
  }
  return values;
}

/** Uses the default where a value has the wrong form, so that the other values are checked too. */
function parseValues(texts: Record<string, string>, faults: string[]): Variables {
  const parsed = variables.safeParse(texts);
  if (parsed.success) return parsed.data;
  const wrong = new Map(parsed.error.issues.map(({ path, message }) => [String(path[0]), message]));
  for (const [name, rule] of wrong) faults.push(`${name} ${rule}. "${texts[name]}" is not allowed.`);
  return variables.parse(Object.fromEntries(Object.entries(texts).filter(([name]) => !wrong.has(name))));
}

function findUnknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(Object.keys(variables.shape).flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(env).filter((name) => /^LATCHKEY_(?!TEST_)/.test(name) && !known.has(name));
}

/** Makes the path of a SQLite file absolute, so that it is the same file in whatever folder a command is run. */
function resolveDatabaseUrl(url: string, home: string): string {
  const [, path] = /^sqlite:(?:\/\/)?(.+)$/.exec(url) ?? [];
  return path === undefined ? url : `sqlite:${resolve(home, path)}`;
}

const SERVERS = ['LATCHKEY_DATABASE_URL', 'LATCHKEY_SMTP_URL', 'LATCHKEY_REDIS_URL'];

/** @returns the names in `scope:a`, `role:b`, … that have that kind */
const namesOf = (kind: string, rules: string[]) =>
  rules.filter((rule) => rule.startsWith(`${kind}:`)).map((rule) => rule.slice(kind.length + 1));

/**
 * Reads the configuration from the environment. Nothing else in `src/` reads it.
 * @throws ConfigError with every fault at once
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = [];
  const notices: string[] = [];
  const home = findHome(env);
  if (!statSync(home, { throwIfNoEntry: false })?.isDirectory())
    faults.push(`LATCHKEY_HOME names ${home}, which is not a folder. Create it, or correct the path.`);
  if (env === process.env) readDotEnv(home, env, faults);
  const links = findServiceLinks(env);
  if (links.length > 0)
    notices.push(`Ignored ${links.join(', ')}: Kubernetes sets them for a Service of that name.`);
  const settings = Object.fromEntries(Object.entries(env).filter(([name]) => !links.includes(name)));
  const production = env.NODE_ENV === 'production';
  const texts = readValues(settings, home, faults);
  for (const name of SERVERS) if (texts[name] !== undefined) texts[name] = resolveFiles(texts[name], home);
  // Port 0 is any free one.
  if (Number(texts.LATCHKEY_PORT) > 0) texts.LATCHKEY_ISSUER ??= `http://localhost:${texts.LATCHKEY_PORT}`;
  const values = parseValues(texts, faults);
  faults.push(...checkValues(values, production));
  const { LATCHKEY_PASSKEY_ROOTS: rootsFile, LATCHKEY_PASSKEY_NAMES: namesFile } = values;
  const rootCertificates = readNamedFile(
    'LATCHKEY_PASSKEY_ROOTS',
    rootsFile,
    readRootCertificates,
    faults,
    home,
  );
  const names = readNamedFile('LATCHKEY_PASSKEY_NAMES', namesFile, readAuthenticatorNames, faults, home);
  const findReadable = (file: string) => {
    accessSync(file, constants.R_OK);
    return file;
  };
  const geoipFile = readNamedFile(
    'LATCHKEY_GEOIP_FILE',
    values.LATCHKEY_GEOIP_FILE,
    findReadable,
    faults,
    home,
  );
  const from = parseSender(values.LATCHKEY_MAIL_FROM, values.LATCHKEY_ISSUER, faults);
  const retention = parseRetention(values.LATCHKEY_RETENTION, faults);
  const secretsFile = resolve(home, 'data/secrets');
  let secrets = values.LATCHKEY_SECRETS?.split(',').map((secret) => secret.trim());
  if (secrets) faults.push(...checkSecrets(secrets));
  else if (production) faults.push(secretsMissing);
  // No file is created for a configuration that is refused anyway.
  else if (faults.length === 0 || existsSync(secretsFile))
    secrets = readOrCreateSecrets(secretsFile, faults, notices);
  if (faults.length > 0 || !secrets) throw new ConfigError(faults);

  return {
    production,
    home,
    notices,
    issuer: values.LATCHKEY_ISSUER,
    host: values.LATCHKEY_HOST,
    port: values.LATCHKEY_PORT,
    databaseUrl: resolveDatabaseUrl(values.LATCHKEY_DATABASE_URL, home),
    databasePool: values.LATCHKEY_DATABASE_POOL,
    secrets,
    unknownVariables: findUnknownVariables(settings),
    mail: { url: values.LATCHKEY_SMTP_URL, from },
    redisUrl: values.LATCHKEY_REDIS_URL,
    passwordMinLength: values.LATCHKEY_PASSWORD_MIN_LENGTH,
    trustProxy: values.LATCHKEY_TRUST_PROXY,
    clientCertificates:
      values.LATCHKEY_CLIENT_CERT_HEADER === undefined
        ? undefined
        : {
            header: values.LATCHKEY_CLIENT_CERT_HEADER,
            verifiedHeader: values.LATCHKEY_CLIENT_CERT_VERIFIED_HEADER,
          },
    mtlsUrl: values.LATCHKEY_MTLS_URL,
    keepAlive: values.LATCHKEY_KEEP_ALIVE,
    drain: values.LATCHKEY_DRAIN,
    logLevel: values.LATCHKEY_LOG_LEVEL,
    threads: Number(env.UV_THREADPOOL_SIZE ?? 4) || 4,
    ttl: {
      accessToken: values.LATCHKEY_ACCESS_TOKEN_TTL,
      refreshToken: values.LATCHKEY_REFRESH_TOKEN_TTL,
      refreshTokenMax: values.LATCHKEY_REFRESH_TOKEN_MAX_TTL,
      session: values.LATCHKEY_SESSION_TTL,
      sessionMax: values.LATCHKEY_SESSION_MAX_TTL,
    },
    refreshOverlap: values.LATCHKEY_REFRESH_OVERLAP,
    groupsClaim: values.LATCHKEY_GROUPS_CLAIM,
    retention,
    secondFactor: {
      everyone: values.LATCHKEY_SECOND_FACTOR.includes('everyone'),
      scopes: namesOf('scope', values.LATCHKEY_SECOND_FACTOR),
      roles: namesOf('role', values.LATCHKEY_SECOND_FACTOR),
    },
    recoverByEmail: values.LATCHKEY_RECOVER_BY_EMAIL,
    presets: values.LATCHKEY_PRESETS === undefined ? undefined : resolve(home, values.LATCHKEY_PRESETS),
    registration: {
      mode: values.LATCHKEY_REGISTRATION,
      ttl: values.LATCHKEY_REGISTRATION_TTL,
      documents: values.LATCHKEY_METADATA_DOCUMENTS,
    },
    tokenEndpointAudience: values.LATCHKEY_TOKEN_ENDPOINT_AUDIENCE,
    implicitGrant: values.LATCHKEY_IMPLICIT_GRANT,
    allowPrivateServices: values.LATCHKEY_ALLOW_PRIVATE_SERVICES,
    geoipFile,
    passkeys: {
      counter: values.LATCHKEY_PASSKEY_COUNTER,
      aaguids: values.LATCHKEY_PASSKEY_AAGUIDS.map((aaguid) => aaguid.toLowerCase()),
      rootCertificates: rootCertificates ?? [],
      names: names ?? new Map(),
      relatedOrigins: values.LATCHKEY_RELATED_ORIGINS,
    },
  };
}
