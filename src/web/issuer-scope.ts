import { COOKIE_FLAGS } from './cookie-flags.ts';

/** Where pages and cookies of this server belong on its host. */
export interface IssuerScope {
  /** Whether the issuer is https. */
  secure: boolean;
  /** The path of the issuer, such as `/id`, before every path of ours; empty without one. */
  base: string;
  /** The path of cookies that every page gets. */
  cookiePath: string;
  /** The prefix of their names. `__Host-` allows no path but `/`, and a second server may be on the same host. */
  cookiePrefix: '__Host-' | '__Secure-' | '';
  /** The prefix of the names of cookies for a part of our paths. */
  partPrefix: '__Secure-' | '';
  /** The flags of the session's cookie. */
  sessionCookie: typeof COOKIE_FLAGS & { secure: boolean; signed: true; path: string };
}

export function issuerScope(issuer: string): IssuerScope {
  const { protocol, pathname } = new URL(issuer);
  const secure = protocol === 'https:';
  const base = pathname === '/' ? '' : pathname;
  const partPrefix = secure ? '__Secure-' : '';
  return {
    secure,
    base,
    cookiePath: base || '/',
    cookiePrefix: secure && base === '' ? '__Host-' : partPrefix,
    partPrefix,
    sessionCookie: { ...COOKIE_FLAGS, secure, signed: true, path: base || '/' },
  };
}
