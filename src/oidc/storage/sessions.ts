import { isDeepStrictEqual } from 'node:util';
import { insertInto, selectOne, sql, update } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { ACCOUNT_COLUMNS, rememberAccount } from './accounts.ts';
import { expiry, type Payload } from './models.ts';

const TABLE = 'T_user_sessions';

const selectBy = (column: 'token_hash' | 'uid') =>
  selectOne({
    columns: `s.uid, s.token_hash, s.payload, s.authorizations, s.account_id, ${ACCOUNT_COLUMNS}`,
    from: `${TABLE} s LEFT JOIN T_accounts a ON a.id = s.account_id AND a.is_active = true`,
    where: sql([`s.${column} = `, ' AND s.is_active = true'], 'value'),
  });

const SELECT_BY = { token_hash: selectBy('token_hash'), uid: selectBy('uid') };

const CHANGED = ['token_hash', 'account_id', 'payload', 'last_used_at', 'expires_at'] as const;

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

/** Only while it has the id that it was read with: a request under way does not bring back an id that was given up. */
const AS_READ = sql`uid = ${'uid'} AND token_hash = ${'read_hash'} AND is_active = true`;
const CHANGE = update(TABLE, { set: CHANGED, where: AS_READ });
const CHANGE_AND_MERGE = update(TABLE, {
  set: CHANGED,
  merge: 'authorizations',
  where: AS_READ,
});
const END = update(TABLE, { set: ['is_active'], where: sql`uid = ${'uid'}` });

const place = (uid: string) => ({ table: TABLE, column: 'payload', id: uid });

type Authorizations = Record<string, unknown>;

/** A session as the database had it when this unit read it. */
interface Known {
  uid: string;
  json: string;
  authorizations: string;
  /** Of its id; none when it came along with a token, and is only read. */
  hash?: string;
  /** When it ends, in seconds since 1970, once its payload was looked at. */
  exp?: number;
}

/**
 * A session that is used again and again need not be written each time for its end alone: that may be off by a
 * hundredth of its life, and by no more than this many seconds.
 */
const LATE = 60;

/** A session that came along with a token; none when it was ended. */
export function rememberSession(uid: string, json?: string, authorizations?: string): void {
  const known: Known | undefined =
    json === undefined ? undefined : { uid, json, authorizations: authorizations ?? '{}' };
  currentUnit().addKnown(`${TABLE}:uid:${uid}`, known);
}

/** What to merge so that the JSON `was` becomes `is` (RFC 7396), or undefined when they say the same. */
function difference(was: string, is: string): string | undefined {
  if (was === is) return undefined;
  const [before, after]: [Authorizations, Authorizations] = [JSON.parse(was), JSON.parse(is)];
  const patch: Authorizations = {};
  for (const [clientId, value] of Object.entries(after)) {
    if (isDeepStrictEqual(before[clientId], value)) continue;
    // Members that went away are named too: the merge goes into them.
    const gone = Object.keys(Object(before[clientId])).map((member) => [member, null]);
    patch[clientId] = { ...Object.fromEntries(gone), ...Object(value) };
  }
  for (const clientId of Object.keys(before)) if (!(clientId in after)) patch[clientId] = null;
  return Object.keys(patch).length > 0 ? JSON.stringify(patch) : undefined;
}

/**
 * Sessions are rows by `uid`. Their id changes at sign-in: that is an UPDATE by uid, never an upsert, so that a
 * session that was ended cannot come back; and `authorizations` is merged by the database, so that of two
 * applications that sign in at once none loses its part.
 */
export class Sessions {
  readonly #secrets: Secrets;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  #known(column: 'token_hash' | 'uid', value: string): Known | undefined | Promise<Known | undefined> {
    return currentUnit().readOnce(`${TABLE}:${column}:${value}`, async () => {
      const row = await currentUnit().readOne(SELECT_BY[column], { value });
      if (!row) return undefined;
      const known: Known = {
        uid: String(row.uid),
        json: String(row.payload),
        authorizations: String(row.authorizations),
        hash: String(row.token_hash),
      };
      if (typeof row.account_id === 'string') rememberAccount(row.account_id, row);
      currentUnit().setKnown(`${TABLE}:loaded:${known.uid}`, known);
      return known;
    });
  }

  #payload(known: Known): Payload {
    const { uid, json, authorizations } = known;
    const { sealed, ...payload } = JSON.parse(json);
    known.exp = payload.exp;
    if (sealed) payload.state = JSON.parse(this.#secrets.open(sealed, place(uid)));
    if (authorizations !== '{}') payload.authorizations = JSON.parse(authorizations);
    return payload;
  }

  async find(id: string): Promise<Payload | undefined> {
    const known = await this.#known('token_hash', digest(id));
    return known && Object.assign(this.#payload(known), { jti: id });
  }

  /** Without its `jti`: what is found this way is read, never saved. */
  async findByUid(uid: string): Promise<Payload | undefined> {
    const known = await this.#known('uid', uid);
    return known && this.#payload(known);
  }

  /** @param ttl seconds until its end */
  async upsert(id: string, payload: Payload, ttl: number): Promise<void> {
    const { authorizations = {}, state } = payload;
    const uid = String(payload.uid);
    // The state of a sign-out under way holds its form token.
    const sealed = state ? this.#secrets.seal(JSON.stringify(state), place(uid)) : undefined;
    const left = { jti: undefined, authorizations: undefined, state: undefined, sealed };
    const rest: Payload = Object.assign({}, payload, left);
    const json = JSON.stringify(rest);
    const loaded = await currentUnit().findKnown<Known>(`${TABLE}:loaded:${uid}`);
    const now: Known = { uid, json, authorizations: JSON.stringify(authorizations) };
    const hash = digest(id);
    currentUnit().setKnown(`${TABLE}:token_hash:${hash}`, now);
    currentUnit().setKnown(`${TABLE}:uid:${uid}`, now);
    const patch = loaded && difference(loaded.authorizations, now.authorizations);
    const writeKey = `${TABLE}:${uid}`;
    if (loaded?.hash === hash && !patch && !currentUnit().findWrite(writeKey)) {
      const { exp = 0 } = loaded;
      const late = Math.abs(Number(payload.exp) - exp) < Math.min(LATE, ttl / 100);
      if (late && loaded.json === JSON.stringify(Object.assign({}, rest, { exp }))) return;
    }

    const changed = {
      token_hash: hash,
      account_id: payload.accountId ?? null,
      payload: json,
      last_used_at: new Date(),
      expires_at: expiry(payload),
    };
    if (loaded) {
      const values = Object.assign(changed, { uid, read_hash: loaded.hash ?? '' });
      if (!patch) currentUnit().write({ statement: CHANGE, values }, writeKey);
      else
        currentUnit().write(
          { statement: CHANGE_AND_MERGE, values: Object.assign(values, { authorizations: patch }) },
          writeKey,
        );
      return;
    }
    const values = Object.assign({ id: uuidv7(), created_at: new Date(), uid }, changed, {
      authorizations: now.authorizations,
      ip_address: currentUnit().origin.ip ?? null,
      user_agent: currentUnit().origin.userAgent?.slice(0, 512) ?? null,
      is_active: true,
    });
    currentUnit().write({ statement: INSERT, values }, writeKey);
  }

  /** Ends the session, unless the same unit goes on under another id (then its later write takes the place). */
  async destroy(id: string): Promise<void> {
    const known = await this.#known('token_hash', digest(id));
    if (!known) return;
    currentUnit().setKnown(`${TABLE}:token_hash:${digest(id)}`, undefined);
    currentUnit().setKnown(`${TABLE}:uid:${known.uid}`, undefined);
    const values = { uid: known.uid, is_active: false };
    currentUnit().write({ statement: END, values }, `${TABLE}:${known.uid}`);
  }
}
