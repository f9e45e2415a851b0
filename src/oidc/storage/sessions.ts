import { isDeepStrictEqual } from 'node:util';
import { fromEpoch } from '../../database/instants.ts';
import { insertInto, selectOne, sql, update, type Value } from '../../database/statement-builders.ts';
import { currentUnit, type UnitOfWork } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { ACCOUNT_COLUMNS, joinAccount, rememberAccount } from './accounts.ts';
import { expiryOf, type Payload } from './models.ts';

const TABLE = 'T_user_sessions';

const selectBy = (column: 'token_hash' | 'uid') =>
  selectOne({
    columns: `s.uid, s.token_hash, s.payload, s.authorizations, s.account_id, ${ACCOUNT_COLUMNS}`,
    from: `${TABLE} s ${joinAccount('s.account_id')}`,
    where: sql([`s.${column} = `, ' AND s.is_active = true'], 'value'),
  });

const SELECT_BY = { token_hash: selectBy('token_hash'), uid: selectBy('uid') };

const CHANGED = [
  'token_hash',
  'account_id',
  'payload',
  'signed_in_at',
  'amr',
  'last_used_at',
  'expires_at',
] as const;

const INSERT = insertInto(TABLE, [
  'id',
  'created_at',
  'uid',
  ...CHANGED,
  'authorizations',
  'ip_address',
  'user_agent',
  'is_active',
]);

/** Updates the row only while it has the id that it was read with: a request under way must not bring back an earlier id. */
const AS_READ = sql`uid = ${'uid'} AND token_hash = ${'read_hash'} AND is_active = true`;
const CHANGE = update(TABLE, { set: CHANGED, where: AS_READ });
const CHANGE_AND_MERGE = update(TABLE, {
  set: CHANGED,
  merge: 'authorizations',
  where: AS_READ,
});
const KEEP = update(TABLE, { set: ['is_active'], where: sql`uid = ${'uid'} AND is_active = true` });
const END = update(TABLE, { set: ['is_active'], where: sql`uid = ${'uid'}` });

const place = (uid: string) => ({ table: TABLE, column: 'payload', id: uid });

type Authorizations = Record<string, unknown>;

/** A session as this request knows it. */
interface KnownSession {
  uid: string;
  json: string;
  /** JSON. */
  authorizations: string;
  /** The hash of its id; undefined when it was read along with a token, and so is only read. */
  hash?: string;
  /** When it ends, in seconds since 1970; undefined until its payload was parsed. */
  exp?: number;
}

const byHash = (hash: string) => `${TABLE}:token_hash:${hash}`;
const byUid = (uid: string) => `${TABLE}:uid:${uid}`;
/** The session as it is in the database, whatever this request has changed since. */
const asRead = (uid: string) => `${TABLE}:as-read:${uid}`;
const writeKey = (uid: string) => `${TABLE}:${uid}`;

/**
 * Every use of a session moves its end. That alone is written only once the stored end is off by a hundredth of the
 * session's life, or by this many seconds.
 */
const MAX_STALE_SECONDS = 60;

/** Keeps a session that was read along with a token. @param json undefined when the session has ended */
export function rememberSession(uid: string, json?: string, authorizations = '{}'): void {
  const known: KnownSession | undefined = json === undefined ? undefined : { uid, json, authorizations };
  currentUnit().addKnown(byUid(uid), known);
}

/**
 * Makes the commit of the current request fail if this session is ended before. A session that this request starts is not
 * in the database yet: the authorization request that it comes from has its own guard.
 */
export function guardSession(unit: UnitOfWork, uid: Value | undefined): void {
  if (typeof uid !== 'string' || unit.findKnown(asRead(uid)) === undefined) return;
  const values = { uid, is_active: true };
  unit.write({ statement: KEEP, values, guard: 'session' }, `${writeKey(uid)}:guard`);
}

/** The RFC 7396 patch from one JSON object to another, or undefined when they are equal. */
function mergePatch(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  const [before, after]: [Authorizations, Authorizations] = [JSON.parse(from), JSON.parse(to)];
  const patch: Authorizations = {};
  for (const [clientId, value] of Object.entries(after)) {
    if (isDeepStrictEqual(before[clientId], value)) continue;
    // A merge goes into members, so those that were removed have to be named.
    const removed = Object.keys(Object(before[clientId])).map((member) => [member, null]);
    patch[clientId] = Object.assign(Object.fromEntries(removed), value);
  }
  for (const clientId of Object.keys(before)) if (!(clientId in after)) patch[clientId] = null;
  return Object.keys(patch).length > 0 ? JSON.stringify(patch) : undefined;
}

/** Whether nothing but the session's end would change, and too little to be written. @param ttl seconds */
function isFreshEnough(known: KnownSession, rest: Payload, ttl: number): boolean {
  const { exp = 0 } = known;
  const isNear = Math.abs(Number(rest.exp) - exp) < Math.min(MAX_STALE_SECONDS, ttl / 100);
  return isNear && known.json === JSON.stringify(Object.assign({}, rest, { exp }));
}

/**
 * The engine's storage of sessions, a row for each `uid`. A session gets a new id at sign-in: that is an UPDATE by
 * `uid`, never an upsert, so that a session that has ended cannot come back. `authorizations` is merged by the
 * database: when two applications sign in at once, each would otherwise overwrite the other's part.
 */
export class Sessions {
  readonly #secrets: Secrets;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  #find(
    column: 'token_hash' | 'uid',
    value: string,
  ): KnownSession | undefined | Promise<KnownSession | undefined> {
    const unit = currentUnit();
    const memoryKey = column === 'uid' ? byUid(value) : byHash(value);
    return unit.readOnce(memoryKey, async () => {
      const row = await unit.readOne(SELECT_BY[column], { value });
      if (!row) return undefined;
      const known: KnownSession = {
        uid: String(row.uid),
        json: String(row.payload),
        authorizations: String(row.authorizations),
        hash: String(row.token_hash),
      };
      if (typeof row.account_id === 'string') rememberAccount(row.account_id, row);
      unit.setKnown(asRead(known.uid), known);
      return known;
    });
  }

  #toPayload(known: KnownSession): Payload {
    const { uid, json, authorizations } = known;
    const { sealed, ...payload } = JSON.parse(json);
    known.exp = payload.exp;
    if (sealed) payload.state = JSON.parse(this.#secrets.open(sealed, place(uid)));
    if (authorizations !== '{}') payload.authorizations = JSON.parse(authorizations);
    return payload;
  }

  async find(id: string): Promise<Payload | undefined> {
    const known = await this.#find('token_hash', digest(id));
    return known && Object.assign(this.#toPayload(known), { jti: id });
  }

  /** The payload lacks its `jti`, which is not stored. The engine only reads sessions that it finds this way. */
  async findByUid(uid: string): Promise<Payload | undefined> {
    const known = await this.#find('uid', uid);
    return known && this.#toPayload(known);
  }

  /**
   * A session in which nobody has signed in is not stored: anyone can make one, as often as they like.
   * @param ttl seconds until its end
   */
  async upsert(id: string, payload: Payload, ttl: number): Promise<void> {
    const unit = currentUnit();
    const { authorizations = {}, state } = payload;
    const uid = String(payload.uid);
    // While a sign-out is being confirmed, `state` holds the token of its form.
    const sealed = state ? this.#secrets.seal(JSON.stringify(state), place(uid)) : undefined;
    const unstored = { jti: undefined, authorizations: undefined, state: undefined, sealed };
    const rest: Payload = Object.assign({}, payload, unstored);
    const json = JSON.stringify(rest);
    const hash = digest(id);
    const changed: KnownSession = { uid, json, authorizations: JSON.stringify(authorizations) };
    unit.setKnown(byHash(hash), changed);
    unit.setKnown(byUid(uid), changed);
    const read = await unit.findKnown<KnownSession>(asRead(uid));
    const patch = read && mergePatch(read.authorizations, changed.authorizations);
    const isUnchanged = read?.hash === hash && !patch && !unit.findWrite(writeKey(uid));
    if (isUnchanged && isFreshEnough(read, rest, ttl)) return;

    const columns = {
      token_hash: hash,
      account_id: payload.accountId ?? null,
      payload: json,
      signed_in_at: typeof payload.loginTs === 'number' ? fromEpoch(payload.loginTs) : null,
      amr: Array.isArray(payload.amr) ? payload.amr.join(' ').slice(0, 64) : null,
      last_used_at: new Date(),
      expires_at: expiryOf(payload),
    };
    if (!read) return payload.loginTs === undefined ? undefined : this.#insert(unit, changed, columns);
    const values = Object.assign(columns, { uid, read_hash: read.hash ?? '' });
    if (patch) {
      const merged = Object.assign(values, { authorizations: patch });
      unit.write({ statement: CHANGE_AND_MERGE, values: merged }, writeKey(uid));
    } else unit.write({ statement: CHANGE, values }, writeKey(uid));
  }

  #insert(
    unit: UnitOfWork,
    { uid, authorizations }: KnownSession,
    columns: Record<(typeof CHANGED)[number], Value>,
  ): void {
    const values = Object.assign({ id: uuidv7(), created_at: new Date(), uid, authorizations }, columns, {
      ip_address: unit.origin.ip ?? null,
      user_agent: unit.origin.userAgent?.slice(0, 512) ?? null,
      is_active: true,
    });
    unit.write({ statement: INSERT, values }, writeKey(uid));
  }

  /** Ends the session. When the request only moves it to another id, its later `upsert` replaces this write. */
  async destroy(id: string): Promise<void> {
    const unit = currentUnit();
    const hash = digest(id);
    const known = await this.#find('token_hash', hash);
    if (!known) return;
    unit.setKnown(byHash(hash), undefined);
    unit.setKnown(byUid(known.uid), undefined);
    unit.write({ statement: END, values: { uid: known.uid, is_active: false } }, writeKey(known.uid));
  }
}
