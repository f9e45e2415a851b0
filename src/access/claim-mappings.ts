/**
 * The claims that an operator gives one application beside those of its scopes (`latchkey client create --claim`). A mapping
 * is the text `NAME=SOURCE`, perhaps with a place at its end: `groups=roles`, `tenant=value:acme@id_token`.
 */

const PLACES = ['id_token', 'userinfo'] as const;
/** Where a claim is given. */
export type ClaimPlace = (typeof PLACES)[number];

/** What a claim can be read from: the claim of the account, and the scope that gives access to it. */
const SOURCES = {
  roles: { claim: 'roles', scope: 'openid' },
  username: { claim: 'preferred_username', scope: 'profile' },
  name: { claim: 'name', scope: 'profile' },
  email: { claim: 'email', scope: 'email' },
  /** A confirmed address only: the application sees no `email_verified` beside a claim of another name. */
  verified_email: { claim: 'email', scope: 'email' },
} as const;
type SourceName = keyof typeof SOURCES;
const isSource = (name: string): name is SourceName => Object.hasOwn(SOURCES, name);

export interface ClaimMapping {
  /** The claim that the application gets. */
  name: string;
  places: readonly ClaimPlace[];
  /** Undefined for a fixed value, which is the same for everyone. */
  source?: { claim: string; scope: string; ifVerified: boolean };
  value?: unknown;
}

export const MAX_MAPPINGS = 20;
const MAX_VALUE_LENGTH = 255;
/** Some applications read a claim whose name is an address, such as `https://acme.example/groups`. */
const NAME = /^[A-Za-z][\w.:/-]{0,99}$/;

/**
 * Claims of the protocol (RFC 7519, RFC 8693, OpenID Connect Core and its logout specifications), and those by which
 * applications decide whether an e-mail address belongs to the user.
 */
const RESERVED = new Set(
  `iss sub aud exp nbf iat jti nonce auth_time acr amr azp at_hash c_hash s_hash sid events toe txn cnf act may_act sub_id
  sub_jwk scope scp client_id token_use email email_verified phone_number phone_number_verified constructor`.split(
    /\s+/,
  ),
);

/** @returns the fixed value; undefined when it is not one */
function parseValue(source: string): unknown {
  if (source.startsWith('value:')) return source.slice('value:'.length);
  if (!source.startsWith('json:')) return undefined;
  try {
    return JSON.parse(source.slice('json:'.length));
  } catch {
    return undefined;
  }
}

function split(text: string): { name: string; source: string; places: readonly ClaimPlace[] } {
  const place = PLACES.find((one) => text.endsWith(`@${one}`));
  const [name = '', ...rest] = (place ? text.slice(0, -place.length - 1) : text).split('=');
  return { name, source: rest.join('='), places: place ? [place] : PLACES };
}

/** @returns what is wrong with a mapping, without the full stop at the end; undefined when nothing is */
export function claimMappingFault(text: string): string | undefined {
  const { name, source } = split(text);
  if (!text.includes('='))
    return `The claim ${text} is not in the form NAME=SOURCE, such as groups=roles or tenant=value:acme`;
  if (!NAME.test(name))
    return `The claim name "${name}" does not begin with a letter, has more than 100 characters, or has others than letters, digits and _ . : / -`;
  if (RESERVED.has(name))
    return `The claim ${name} is reserved: only the server itself decides what it says. Use another name`;
  if (source.length > MAX_VALUE_LENGTH)
    return `The value of the claim ${name} has more than ${MAX_VALUE_LENGTH} characters`;
  if (isSource(source)) return undefined;
  const value = parseValue(source);
  if (value !== undefined && value !== null && value !== '') return undefined;
  return `The source of the claim ${name} is ${source || 'missing'}. It is one of ${Object.keys(SOURCES).join(', ')}, or value:TEXT, or json:JSON`;
}

/** @returns the first claim that two mappings give at the same place */
export function findRepeatedClaim(texts: string[]): string | undefined {
  const seen = new Set<string>();
  for (const { name, places } of texts.map(split))
    for (const place of places) {
      if (seen.has(`${name}@${place}`)) return name;
      seen.add(`${name}@${place}`);
    }
  return undefined;
}

/** @param text a mapping that `claimMappingFault` has accepted */
export function parseClaimMapping(text: string): ClaimMapping {
  const { name, source, places } = split(text);
  if (!isSource(source)) return { name, places, value: parseValue(source) };
  return { name, places, source: { ...SOURCES[source], ifVerified: source === 'verified_email' } };
}
