import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { purgedTables, type Retention } from '../maintenance/retention.ts';
import type { variables } from './index.ts';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export function issuerFaults(issuer: string, production: boolean): string[] {
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

export function secretFaults(ring: string[]): string[] {
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

export function passkeyFaults(values: z.output<typeof variables>): string[] {
  const rule = values.LATCHKEY_SECOND_FACTOR.find((one) => !/^(everyone|scope:.+|role:.+)$/.test(one));
  const aaguid = values.LATCHKEY_PASSKEY_AAGUIDS.find((one) => !AAGUID.test(one));
  const origin = values.LATCHKEY_RELATED_ORIGINS.find((one) => URL.parse(one)?.origin !== one);
  return [
    ...(rule
      ? [`LATCHKEY_SECOND_FACTOR is everyone, or a list of scope:… and role:…; ${rule} is neither.`]
      : []),
    ...(aaguid ? [`LATCHKEY_PASSKEY_AAGUIDS: ${aaguid} is no AAGUID.`] : []),
    ...(origin ? [`LATCHKEY_RELATED_ORIGINS: ${origin} is no origin such as https://example.org.`] : []),
    ...(values.LATCHKEY_PASSKEY_AAGUIDS.length > 0 && values.LATCHKEY_PASSKEY_ROOTS === undefined
      ? [
          'LATCHKEY_PASSKEY_AAGUIDS needs LATCHKEY_PASSKEY_ROOTS, a PEM file of the root certificates of their makers: without it anybody can say to be of that model.',
        ]
      : []),
  ];
}

/** What `read` makes of the file that a variable names. */
export function fileOf<T>(
  variable: string,
  file: string | undefined,
  read: (file: string) => T,
  faults: string[],
): T | undefined {
  try {
    return file === undefined ? undefined : read(file);
  } catch {
    faults.push(
      `${variable} names ${file}, which cannot be read or has another format than .env.example describes. Correct it.`,
    );
    return undefined;
  }
}

export function smtpFaults(text: string): string[] {
  const url = URL.parse(text);
  // The value holds a password: it does not stand in the message.
  return url && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== ''
    ? []
    : ['LATCHKEY_SMTP_URL must be a URL such as smtp://user:password@mail.example.com:587, or smtps://….'];
}

/** `address` or `Name <address>`; unset, an address at the issuer's host. */
export function senderOf(text: string | undefined, issuer: string, faults: string[]) {
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
export function retentionOf(text: string, faults: string[]): Retention {
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
export function keptSecrets(file: string): string[] {
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
