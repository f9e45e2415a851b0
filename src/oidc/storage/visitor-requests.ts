import { deflateSync, inflateSync } from 'node:zlib';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { digest } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import type { IssuerScope } from '../../web/issuer-scope.ts';

/**
 * The authorization request of a visitor, as long as nobody has done anything on its page. It is kept in the visitor's
 * browser, sealed, and not in the database, which anyone could otherwise fill (docs/decisions/0017).
 */

/** The cookies of the current request. */
export interface RequestCookies {
  read(name: string): string | undefined;
  /** @param seconds 0 removes the cookie */
  write(name: string, value: string, options: { path: string; seconds: number }): void;
  /** The hash by which this browser is recognized. */
  findBrowser(): string | undefined;
  /** The same. A new browser gets a cookie. */
  recognizeBrowser(): string;
}

const COOKIES = 'oidc.cookies';

export function setRequestCookies(unit: UnitOfWork, cookies: RequestCookies): void {
  unit.memory.set(COOKIES, cookies);
}

export const findRequestCookies = (unit: UnitOfWork) =>
  unit.memory.get(COOKIES) as RequestCookies | undefined;

const presentedKey = (uid: string) => `oidc.visitor-request:${uid}`;

/** Remembers the sealed request that a script sent, because the cookie belongs to the path of the page. */
export function rememberSealedRequest(unit: UnitOfWork, uid: string, sealed: string): void {
  unit.memory.set(presentedKey(uid), sealed);
}

/** The sealed request that `find` read for this interaction; undefined if the interaction is in the database. */
export function findSealedRequest(unit: UnitOfWork, uid: string): string | undefined {
  return unit.memory.get(presentedKey(uid)) as string | undefined;
}

/** The longest value of the cookie, which has 4,096 bytes at most with its name. `request-size.ts` refuses longer requests earlier. */
const MAX_SEALED_LENGTH = 4000;
/** The longest JSON that is stored as it is. Longer JSON is compressed, because it would be too long when sealed. Most is shorter, and compressing costs CPU. */
const MAX_PLAIN_BYTES = 2800;

const pack = (json: string) => (Buffer.byteLength(json) > MAX_PLAIN_BYTES ? deflateSync(json) : json);
/** JSON begins with a brace, which a zlib stream never does (RFC 1950 section 2.2). */
const unpack = (bytes: Buffer) => String(bytes[0] === 0x7b ? bytes : inflateSync(bytes));

const place = (uid: string) => ({ table: 'cookie', column: 'authorization', id: uid });

export function createVisitorRequests(secrets: Secrets, { partPrefix, base }: IssuerScope) {
  const name = `${partPrefix}latchkey_authorization`;
  const pathOf = (uid: string) => `${base}/interaction/${uid}`;
  return {
    /** Whether the interaction can be kept in a cookie: only requests of browsers have cookies. */
    canKeep: (unit: UnitOfWork) => findRequestCookies(unit) !== undefined,

    /** @param json the interaction @param seconds its life @throws Error when it is too long for a cookie */
    keep(unit: UnitOfWork, uid: string, json: string, seconds: number): void {
      const sealed = secrets.seal(pack(json), place(uid));
      if (sealed.length > MAX_SEALED_LENGTH) throw new Error(`A sealed request has ${sealed.length} bytes.`);
      findRequestCookies(unit)?.write(name, sealed, { path: pathOf(uid), seconds });
    },

    /** @returns the interaction as JSON, if this browser has it */
    find(unit: UnitOfWork, uid: string): string | undefined {
      const sealed = findSealedRequest(unit, uid) ?? findRequestCookies(unit)?.read(name);
      if (!sealed) return undefined;
      try {
        const json = unpack(secrets.openBytes(sealed, place(uid)));
        rememberSealedRequest(unit, uid, sealed);
        return json;
      } catch {
        // The cookie is of another interaction, was sealed with a retired secret, or is made up.
        unit.memory.delete(presentedKey(uid));
        return undefined;
      }
    },

    /** Removes it from the browser: from now on, the database has it. */
    forget(unit: UnitOfWork, uid: string): void {
      unit.memory.delete(presentedKey(uid));
      findRequestCookies(unit)?.write(name, '', { path: pathOf(uid), seconds: 0 });
    },
  };
}

/**
 * The id that the row of an interaction gets: always the same one, so that the primary key decides which of several
 * requests with the same cookie began it. A UUID version 7 of the time at which the request came.
 * @param iat seconds since 1970
 */
export function rowIdOf(uid: string, iat: number): string {
  const time = (iat * 1000).toString(16).padStart(12, '0');
  const random = Buffer.from(digest(uid), 'base64url').toString('hex');
  const variant = '89ab'[Number.parseInt(random[3] ?? '0', 16) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
