import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/**
 * TLS has one spelling in the URL of every server: databases, Redis and mail. It is libpq's.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
const MODES = ['disable', 'require', 'verify-ca', 'verify-full'];
const FILES = ['sslrootcert', 'sslcert', 'sslkey'];
const TLS_OPTIONS = ['sslmode', ...FILES];

/** Options of `tls.connect`. */
interface TlsOptions {
  rejectUnauthorized: boolean;
  checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined;
  ca?: string;
  cert?: string;
  key?: string;
}

export interface ConnectionUrl {
  /** Without the options of TLS. */
  url: string;
  /** False: in the clear. Undefined: as the scheme of the URL says. */
  tls: TlsOptions | false | undefined;
  /** Whether the certificate must be that of the host in the URL. */
  verifiesHost: boolean;
}

/**
 * @returns undefined for a text that is no URL. `user@/database` has no host, because the option `host` names a socket;
 *   it gets a stand-in, so that it parses.
 */
const parseUrl = (text: string) => URL.parse(text.replace(/@\//, '@socket.invalid/')) ?? undefined;

const optionsOf = (text: string) => new URLSearchParams(/\?(.*)$/s.exec(text)?.[1] ?? '');

/** @throws Error when a file cannot be read */
export function readConnectionUrl(text: string): ConnectionUrl {
  const options = optionsOf(text);
  const read = (name: string) => {
    const file = options.get(name);
    return file === null ? undefined : readFileSync(file, 'utf8');
  };
  const isNamed = TLS_OPTIONS.some((name) => options.has(name));
  const mode = options.get('sslmode') ?? (isNamed ? 'verify-full' : undefined);
  const hostname = parseUrl(text)?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const [ca, cert, key] = FILES.map(read);
  for (const name of TLS_OPTIONS) options.delete(name);
  const url = text.replace(/\?.*$/s, options.size > 0 ? `?${options}` : '');
  const verifiesHost = mode === 'verify-full';
  if (mode === undefined || mode === 'disable') return { url, tls: mode && false, verifiesHost };
  const tls: TlsOptions = {
    // As in libpq, `require` with a root certificate verifies the server's certificate.
    rejectUnauthorized: mode !== 'require' || ca !== undefined,
    // The libraries give Node.js no name to compare where the host is an address.
    checkServerIdentity: (_host, certificate) =>
      verifiesHost ? checkServerIdentity(hostname, certificate) : undefined,
  };
  if (ca !== undefined) tls.ca = ca;
  if (cert !== undefined) tls.cert = cert;
  if (key !== undefined) tls.key = key;
  return { url, tls, verifiesHost };
}

/** @returns the same URL with the absolute paths of its files */
export function resolveFiles(text: string, home: string): string {
  const options = optionsOf(text);
  if (!FILES.some((name) => options.has(name))) return text;
  for (const name of FILES) {
    const file = options.get(name);
    if (file !== null) options.set(name, resolve(home, file));
  }
  return text.replace(/\?.*$/s, `?${options}`);
}

/**
 * Checks the form and the options of a URL, because the client libraries ignore what they do not know: a misspelt option
 * for TLS would connect in the clear.
 * @param variable begins each sentence. The URL itself is never printed, as it may contain a password
 * @param known the options beside those for TLS
 * @returns one sentence for each fault
 */
export function findUrlFaults(variable: string, text: string, known: string[]): string[] {
  const url = parseUrl(text);
  if (!url)
    return [
      `${variable} is not a URL. In a user name or password, encode each special character, such as # as %23 and / as %2F.`,
    ];
  if (url.hash !== '') return [`${variable} contains a "#". In a password it is written as %23.`];
  const faults: string[] = [];
  const allowed = [...known, ...TLS_OPTIONS];
  const options = optionsOf(text);
  for (const name of new Set(options.keys())) {
    if (!allowed.includes(name))
      faults.push(
        `${variable} has the unknown option ${name}. Known are ${allowed.join(', ')}. For TLS, set sslmode=require or sslmode=verify-full.`,
      );
    if (options.getAll(name).length > 1) faults.push(`${variable} has the option ${name} more than once.`);
  }
  const mode = options.get('sslmode');
  if (mode !== null && !MODES.includes(mode))
    faults.push(`${variable} must have an sslmode of ${MODES.join(', ')}. "${mode}" is not one.`);
  if (faults.length > 0) return faults;
  try {
    readConnectionUrl(text);
  } catch (error) {
    const { path, code } = error as NodeJS.ErrnoException;
    faults.push(`${variable} names the file ${path}, which cannot be read (${code}).`);
  }
  return faults;
}
