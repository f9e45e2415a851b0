import { insertInto, selectOne, sql, update } from '../../database/statements.ts';
import { currentUnit, type UnitOfWork } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { ACCOUNT_COLUMNS, rememberAccount } from './accounts.ts';
import { expiry, type Payload } from './models.ts';

const TABLE = 'T_authorization_requests';
/** With who it is, once that is known: the engine asks for the account next. */
const SELECT_PENDING = selectOne({
  columns: `t.id, t.payload, t.account_id, ${ACCOUNT_COLUMNS}`,
  from: `${TABLE} t LEFT JOIN T_accounts a ON a.id = t.account_id AND a.is_active = true`,
  where: sql`t.uid_hash = ${'uid_hash'} AND t.status = 'pending'`,
});

const CHANGED = ['uid_hash', 'account_id', 'prompt', 'payload', 'expires_at'] as const;

const INSERT = insertInto(TABLE, [
  'id',
  'created_at',
  ...CHANGED,
  'status',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'response_type',
  'code_challenge',
  'code_challenge_method',
]);
/** A request that was ended concurrently is not brought back: a new password ends all that the old one began. */
const CHANGE_PENDING = update(TABLE, {
  set: CHANGED,
  where: sql`id = ${'id'} AND status = 'pending'`,
});
const END = update(TABLE, { set: ['status'], where: sql`id = ${'id'}` });

const ENDED = 'oidc.ended-interaction';

interface Known {
  id: string;
  json: string;
}

interface Ended {
  id: string;
  cid: unknown;
  values: { id: string; status: string };
}

/** Who has just proved to be somebody is it, before the session says so: what ends their sessions ends this too. */
function whose({ result, session, accountId }: Payload): string | null {
  const { login, first_factor: first } = (result ?? {}) as Record<string, { accountId?: string } | undefined>;
  const proved = login?.accountId ?? first?.accountId;
  return proved ?? (session as { accountId?: string } | undefined)?.accountId ?? accountId ?? null;
}

const writeKey = (id: string) => `${TABLE}:${id}`;

/** The row of the request that this unit brought to its end, if it had one. */
export function requestOf(of: UnitOfWork): string | undefined {
  return (of.memory.get(ENDED) as Ended | undefined)?.id;
}

/** A code is issued: the request that led to it is approved, in the same commit. */
export function completed(of: UnitOfWork): void {
  const ended = of.memory.get(ENDED) as Ended | undefined;
  if (ended) ended.values.status = 'approved';
}

/**
 * Interactions. One row is one authorization request, however many prompts it takes: the engine ends an
 * interaction and begins the next under another id, which here moves the row (`cid` stays the same).
 */
export class AuthorizationRequests {
  readonly #secrets: Secrets;
  readonly #issuer: string;

  constructor(secrets: Secrets, issuer: string) {
    this.#secrets = secrets;
    this.#issuer = issuer;
  }

  #known(id: string): Known | undefined | Promise<Known | undefined> {
    const hash = digest(id);
    return currentUnit().readOnce(`${TABLE}:${hash}`, async () => {
      const row = await currentUnit().readOne(SELECT_PENDING, { uid_hash: hash });
      if (!row) return undefined;
      if (typeof row.account_id === 'string') rememberAccount(row.account_id, row);
      return { id: String(row.id), json: String(row.payload) };
    });
  }

  async find(id: string): Promise<Payload | undefined> {
    const known = await this.#known(id);
    if (!known) return undefined;
    const payload = JSON.parse(known.json);
    if (payload.sealed) {
      const opened = this.#secrets.open(payload.sealed, { table: TABLE, column: 'payload', id: known.id });
      Object.assign(payload, JSON.parse(opened), { sealed: undefined });
    }
    const path = payload.deviceCode ? 'device' : 'auth';
    return Object.assign(payload, { jti: id, returnTo: `${this.#issuer}/${path}/${id}` });
  }

  /** The payload without anything that can be presented: its own id, the session's cookie, other requests' ids. */
  #rest(payload: Payload, rowId: string): string {
    const { deviceCode, parJti, session } = payload;
    const hidden = JSON.stringify({ deviceCode, parJti });
    const place = { table: TABLE, column: 'payload', id: rowId };
    const rest: Payload = Object.assign({}, payload, {
      jti: undefined,
      returnTo: undefined,
      deviceCode: undefined,
      parJti: undefined,
      session: session && Object.assign({}, session, { cookie: undefined }),
      sealed: deviceCode || parJti ? this.#secrets.seal(hidden, place) : undefined,
    });
    return JSON.stringify(rest);
  }

  async upsert(id: string, payload: Payload): Promise<void> {
    const hash = digest(id);
    const found = await currentUnit().findKnown<Known>(`${TABLE}:${hash}`);
    const ended = currentUnit().memory.get(ENDED) as Ended | undefined;
    const moved = ended && ended.cid === payload.cid ? ended.id : undefined;
    const rowId = found?.id ?? moved ?? uuidv7();
    const json = this.#rest(payload, rowId);
    currentUnit().setKnown(`${TABLE}:${hash}`, { id: rowId, json });

    const params = payload.params ?? {};
    const changed = {
      uid_hash: hash,
      account_id: whose(payload),
      prompt: (payload.prompt as { name?: string } | undefined)?.name ?? null,
      payload: json,
      expires_at: expiry(payload),
    };
    if (found || moved) {
      const values = Object.assign(changed, { id: rowId });
      currentUnit().write({ statement: CHANGE_PENDING, values }, writeKey(rowId));
      return;
    }
    const values = Object.assign({ id: rowId, created_at: new Date(), status: 'pending' }, changed, {
      client_id: params.client_id ?? '',
      redirect_uri: params.redirect_uri ?? '',
      scope: params.scope ?? '',
      state: params.state ?? null,
      nonce: params.nonce ?? null,
      response_type: params.response_type ?? '',
      code_challenge: params.code_challenge ?? null,
      code_challenge_method: params.code_challenge_method ?? null,
    });
    currentUnit().write({ statement: INSERT, values }, writeKey(rowId));
  }

  /** The interaction is over: denied, unless this unit goes on to another prompt or to a code. */
  async destroy(id: string): Promise<void> {
    const known = await this.#known(id);
    if (!known) return;
    const values = { id: known.id, status: 'denied' };
    const { cid } = JSON.parse(known.json);
    currentUnit().memory.set(ENDED, { id: known.id, cid, values } satisfies Ended);
    currentUnit().setKnown(`${TABLE}:${digest(id)}`, undefined);
    currentUnit().write({ statement: END, values }, writeKey(known.id));
  }
}
