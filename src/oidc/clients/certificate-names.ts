import type { X509Certificate } from 'node:crypto';

/** An attribute of a distinguished name, such as `CN=reports`. */
type Attribute = [type: string, value: string];

/** Other names of attribute types, each with the name that OpenSSL uses. */
const TYPES: Record<string, string> = {
  E: 'EMAILADDRESS',
  EMAIL: 'EMAILADDRESS',
  S: 'ST',
  SP: 'ST',
  USERID: 'UID',
};

/** Undoes the escapes of RFC 4514 section 2.4: a backslash before a character, or before two hexadecimal digits of UTF-8. */
function removeEscapes(text: string): string {
  const bytes: Buffer[] = [];
  for (const [part] of text.matchAll(/\\[0-9a-f]{2}|\\.|[^\\]+/gis)) {
    if (part.startsWith('\\') && part.length === 3) bytes.push(Buffer.from(part.slice(1), 'hex'));
    else bytes.push(Buffer.from(part.startsWith('\\') ? part.slice(1) : part));
  }
  return Buffer.concat(bytes).toString();
}

/** Without the space around it. A backslash at the end escapes the space after it. */
function trimValue(text: string): string {
  const trimmed = text.trim();
  let backslashes = 0;
  while (trimmed.at(-1 - backslashes) === '\\') backslashes += 1;
  return backslashes % 2 === 0 ? trimmed : text.trimStart().slice(0, trimmed.length + 1);
}

/** Splits an attribute into type and value. One regular expression for both would take minutes for a thousand spaces, which a certificate can have. */
function parseAttribute(text: string): Attribute | undefined {
  const end = text.indexOf('=');
  const type = text.slice(0, Math.max(0, end)).trim().toUpperCase();
  if (!/^([A-Z][A-Z0-9-]*|[0-9.]+)$/.test(type)) return undefined;
  return [TYPES[type] ?? type, removeEscapes(trimValue(text.slice(end + 1)))];
}

/** The attributes of each part of a name, in an order that the parts that are joined by `+` always have. */
function parseParts(parts: string[]): string | undefined {
  const parsed = parts.map((part) => (part.match(/(?:\\.|[^\\+])+/gs) ?? []).map(parseAttribute));
  if (parsed.flat().includes(undefined) || parsed.length === 0) return undefined;
  return JSON.stringify(parsed.map((attributes) => attributes.toSorted()));
}

/** @param name as RFC 4514 writes it, the most specific part first @returns a form to compare; undefined for another text */
export const parseDistinguishedName = (name: string): string | undefined =>
  parseParts(name.match(/(?:\\.|[^\\,])+/gs) ?? []);

/** Node writes each part on its own line, in the order of the certificate, with the escapes of RFC 4514. */
const subjectOf = ({ subject }: X509Certificate) => parseParts((subject ?? '').split('\n').toReversed());

/** The URIs of the extension subjectAltName. Node puts a value that has a comma or a quotation mark in quotation marks. */
function urisOf({ subjectAltName = '' }: X509Certificate): string[] {
  const entries = subjectAltName.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...entries]
    .filter(([, kind]) => kind === 'URI')
    .map(([, , value = '']) => (value.startsWith('"') ? JSON.parse(value) : value));
}

const EXACTLY = { subject: 'never', wildcards: false } as const;

/** How a certificate has each of the names that a client can be registered with (RFC 8705 section 2.1.2). */
const MATCHES: Record<string, (certificate: X509Certificate, expected: string) => boolean> = {
  tls_client_auth_subject_dn: (certificate, expected) =>
    subjectOf(certificate) !== undefined && subjectOf(certificate) === parseDistinguishedName(expected),
  tls_client_auth_san_dns: (certificate, expected) => certificate.checkHost(expected, EXACTLY) !== undefined,
  tls_client_auth_san_uri: (certificate, expected) => urisOf(certificate).includes(expected),
  tls_client_auth_san_ip: (certificate, expected) => certificate.checkIP(expected) !== undefined,
  tls_client_auth_san_email: (certificate, expected) =>
    certificate.checkEmail(expected, { subject: 'never' }) !== undefined,
};

/** @param member of the client's metadata that names what its certificate must have @param expected its value */
export const hasName = (certificate: X509Certificate, member: string, expected: string): boolean =>
  MATCHES[member]?.(certificate, expected) ?? false;
