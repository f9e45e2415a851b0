import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { findUrlFaults, readConnectionUrl } from '../kit/connection-url-tls.ts';
import { purgedTables, type Retention } from './retention.ts';
import type { Variables } from './settings.ts';

/**
 * Checks that need more than the form of one value. Each reports a fault in one sentence, which names the variable,
 * the rule, the fault and the remedy. Values that may contain a password are never printed.
 */

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
/** The beginnings of our own paths. The issuer's path may not begin with one: its addresses would be mixed with ours. */
export const OWN_PATHS = new Set(
  `.well-known account admin assets auth backchannel code connections device favicon.ico forgot healthz interaction invitation jwks logo me
   not-me pictures readyz recover register request reset session signed-in token verify webauthn`.split(
    /\s+/,
  ),
);
const GENERATE = 'Generate one with: openssl rand -base64 48';

function checkIssuer(issuer: string, production: boolean): string[] {
  const url = URL.parse(issuer);
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return [`LATCHKEY_ISSUER must be a URL such as https://id.example.com. "${issuer}" is not.`];
  const faults: string[] = [];
  const [, path = '', end] = /^((?:\/[\w.~-]+)*)(.*)$/.exec(issuer.slice(url.origin.length)) ?? [];
  const [, first = ''] = path.split('/');
  if (!issuer.startsWith(url.origin) || end !== '')
    faults.push(
      `LATCHKEY_ISSUER must be a scheme, a host and perhaps a path. Set it to ${url.origin}${path}.`,
    );
  else if (OWN_PATHS.has(first))
    faults.push(
      `LATCHKEY_ISSUER cannot have a path that begins with /${first}, which is a path of this server. Use another one, such as ${url.origin}/id.`,
    );
  if (url.protocol === 'http:' && production)
    faults.push(`LATCHKEY_ISSUER must be an https URL in production. Set it to https://${url.host}.`);
  else if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    faults.push(`LATCHKEY_ISSUER can use http on localhost only. Set it to https://${url.host}.`);
  return faults;
}

function checkDatabaseUrl(url: string): string[] {
  const name = 'LATCHKEY_DATABASE_URL';
  if (/^sqlite:./.test(url))
    return url.includes('?') ? [`${name} can have no options after sqlite:path. Remove the "?".`] : [];
  if (/^postgres(ql)?:\/\//.test(url)) return findUrlFaults(name, url, ['host', 'port', 'options']);
  if (/^(mysql|mariadb):\/\//.test(url)) {
    const faults = findUrlFaults(name, url, ['socketPath']);
    const host = URL.parse(url)?.hostname.replace(/[[\]]/g, '') ?? '';
    // mysql2 would compare the certificate with "localhost".
    if (faults.length === 0 && isIP(host) && readConnectionUrl(url).verifiesHost)
      faults.push(
        `${name} needs a host name for sslmode=verify-full, not an address. Or set sslmode=verify-ca.`,
      );
    return faults;
  }
  return [
    'LATCHKEY_DATABASE_URL must begin with sqlite:, postgres://, mysql:// or mariadb://. .env.example has examples.',
  ];
}

function checkSmtpUrl(text: string | undefined): string[] {
  const url = URL.parse(text ?? 'smtp://unset');
  if (url && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== '')
    return findUrlFaults('LATCHKEY_SMTP_URL', text ?? 'smtp://unset', []);
  return [
    'LATCHKEY_SMTP_URL must be a URL such as smtp://user:password@mail.example.com:587. Use smtps:// for TLS from the start.',
  ];
}

function checkRedisUrl(url: string | undefined): string[] {
  if (url === undefined) return [];
  if (/^rediss?:\/\//.test(url)) return findUrlFaults('LATCHKEY_REDIS_URL', url, []);
  return ['LATCHKEY_REDIS_URL must begin with redis:// or rediss://, such as redis://localhost:6379.'];
}

const AAGUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function checkPasskeys(values: Variables): string[] {
  const aaguid = values.LATCHKEY_PASSKEY_AAGUIDS.find((one) => !AAGUID.test(one));
  const origin = values.LATCHKEY_RELATED_ORIGINS.find((one) => URL.parse(one)?.origin !== one);
  const faults: string[] = [];
  if (aaguid)
    faults.push(
      `LATCHKEY_PASSKEY_AAGUIDS must be a list of AAGUIDs such as 2fc0579f-8113-47ea-b116-bb5a8db9202a. "${aaguid}" is not one.`,
    );
  if (origin)
    faults.push(
      `LATCHKEY_RELATED_ORIGINS must be a list of origins such as https://example.org. "${origin}" is not one.`,
    );
  if (values.LATCHKEY_PASSKEY_AAGUIDS.length > 0 && values.LATCHKEY_PASSKEY_ROOTS === undefined)
    faults.push(
      'LATCHKEY_PASSKEY_AAGUIDS needs LATCHKEY_PASSKEY_ROOTS, the root certificates of the manufacturers. Without them, any authenticator could claim to be one of these models.',
    );
  return faults;
}

function checkSecondFactor(rules: string[]): string[] {
  const wrong = rules.find((rule) => !/^(everyone|scope:.+|role:.+)$/.test(rule));
  if (wrong === undefined) return [];
  return [
    `LATCHKEY_SECOND_FACTOR must be everyone, or a list of scope:name and role:name. "${wrong}" is neither.`,
  ];
}

function checkMutualTls(values: Variables): string[] {
  const { LATCHKEY_CLIENT_CERT_HEADER: header, LATCHKEY_MTLS_URL: url } = values;
  const faults: string[] = [];
  if (header !== undefined && values.LATCHKEY_TRUST_PROXY === 0)
    faults.push(
      'LATCHKEY_CLIENT_CERT_HEADER needs LATCHKEY_TRUST_PROXY. Without a trusted proxy, anyone could write that header.',
    );
  for (const name of ['LATCHKEY_CLIENT_CERT_VERIFIED_HEADER', 'LATCHKEY_MTLS_URL'] as const)
    if (header === undefined && values[name] !== undefined)
      faults.push(`${name} needs LATCHKEY_CLIENT_CERT_HEADER, the header that has the certificate.`);
  const parsed = URL.parse(url ?? 'https://unset.example');
  if (parsed?.protocol !== 'https:' || /[?#]|\/$/.test(url ?? ''))
    faults.push(
      `LATCHKEY_MTLS_URL must be an https URL without a slash at its end, such as https://mtls.example.com. "${url}" is not.`,
    );
  return faults;
}

/** @param ring the values of LATCHKEY_SECRETS */
export function checkSecrets(ring: string[]): string[] {
  return ring.flatMap((secret, index) => {
    const name = `LATCHKEY_SECRETS, value ${index + 1},`;
    if (secret.length < 32)
      return [`${name} must have at least 32 characters. It has ${secret.length}. ${GENERATE}`];
    if (new Set(secret).size < 12)
      return [
        `${name} must be random. It has only ${new Set(secret).size} different characters. ${GENERATE}`,
      ];
    if (/change.?me|example|password|secret|default/i.test(secret))
      return [`${name} must be random. It looks like a placeholder. ${GENERATE}`];
    return [];
  });
}

export const secretsMissing = `LATCHKEY_SECRETS must be set in production. ${GENERATE}`;

/** Everything that is wrong with the values, apart from secrets, retention, sender and files. */
export function checkValues(values: Variables, production: boolean): string[] {
  return [
    ...checkIssuer(values.LATCHKEY_ISSUER, production),
    ...checkDatabaseUrl(values.LATCHKEY_DATABASE_URL),
    ...checkSmtpUrl(values.LATCHKEY_SMTP_URL),
    ...checkRedisUrl(values.LATCHKEY_REDIS_URL),
    ...checkSecondFactor(values.LATCHKEY_SECOND_FACTOR),
    ...checkPasskeys(values),
    ...checkMutualTls(values),
  ];
}

/** Reads the file that a variable names. @param faults gets a sentence when that fails */
export function readNamedFile<T>(
  variable: string,
  file: string | undefined,
  read: (file: string) => T,
  faults: string[],
  home: string,
): T | undefined {
  try {
    return file === undefined ? undefined : read(resolve(home, file));
  } catch {
    faults.push(
      `${variable} names ${file}, which cannot be read or has the wrong format. Correct the path or the file; .env.example describes the format.`,
    );
    return undefined;
  }
}

/** @param text `address` or `Name <address>`. Without it, the sender is an address at the issuer's host. */
export function parseSender(text: string | undefined, issuer: string, faults: string[]) {
  if (text === undefined) {
    const host = URL.parse(issuer)?.hostname ?? '';
    return { name: 'Latchkey', address: `no-reply@${LOOPBACK.has(host) ? 'localhost' : host}` };
  }
  const [, name = '', address = ''] = /^(?:([^<>"\p{Cc}]*)<)?([^<>\s]+)>?$/u.exec(text) ?? [];
  if (!z.email().safeParse(address).success || text.includes('<') !== text.endsWith('>'))
    faults.push(
      `LATCHKEY_MAIL_FROM must be an address, or a name and an address such as Example <id@example.com>. "${text}" is neither.`,
    );
  return { name: name.trim(), address };
}

/** @param text `T_auth_audit_log=365,T_user_sessions=7`, in days */
export function parseRetention(text: string, faults: string[]): Retention {
  const retention: Retention = {};
  for (const entry of text.split(',').map((one) => one.trim())) {
    if (entry === '') continue;
    const [, table = '', days = ''] = /^(T_\w+)=(\d{1,5})$/.exec(entry) ?? [];
    if (table === '')
      faults.push(
        `LATCHKEY_RETENTION must be a list of table=days such as T_user_sessions=30. "${entry}" is not.`,
      );
    else if (purgedTables.includes(table)) retention[table] = Number(days);
    else
      faults.push(
        `LATCHKEY_RETENTION can name only tables whose rows expire. ${table} is not one; docs/DATABASE.md lists them.`,
      );
  }
  return retention;
}
