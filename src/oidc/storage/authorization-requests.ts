import { fromEpoch } from '../../database/instants.ts';
import { insertInto, selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit, type UnitOfWork } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { issuerScope } from '../../web/issuer-scope.ts';
import { ACCOUNT_COLUMNS, joinAccount, rememberAccount } from './accounts.ts';
import { expiryOf, type Payload } from './models.ts';
import {
  findEndedInteraction,
  setBegunInteraction,
  setEndedInteraction,
  setFoundRequest,
  setStoredRequest,
} from './request-links.ts';
import { createVisitorRequests, findRequestCookies, rowIdOf } from './visitor-requests.ts';

const TABLE = 'T_authorization_requests';
/** Together with the account, once it is known: the engine asks for it next. */
const WITH_ACCOUNT = {
  columns: `t.id, t.uid_hash, t.status, t.payload, t.account_id, ${ACCOUNT_COLUMNS}`,
  from: `${TABLE} t ${joinAccount('t.account_id')}`,
};
const SELECT_BY_UID = selectOne({ ...WITH_ACCOUNT, where: sql`t.uid_hash = ${'uid_hash'}` });
const SELECT_BY_ID = selectOne({ ...WITH_ACCOUNT, where: sql`t.id = ${'id'}` });

const CHANGED = ['uid_hash', 'account_id', 'prompt', 'payload', 'expires_at'] as const;

const COLUMNS = [
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
] as const;
const INSERT = insertInto(TABLE, COLUMNS);
/** Begins an interaction. If several requests begin the same one, one writes the row, and the guard stops the others. */
const BEGIN = insertInto(TABLE, COLUMNS, { onConflict: 'nothing' });
/**
 * A new password ends every sign-in begun with the old one. A concurrent request that continues one of them must write
 * nothing, because it may start a session: both statements have the guard `request`.
 */
const IF_PENDING = sql`id = ${'id'} AND status = 'pending'`;
const CHANGE_PENDING = update(TABLE, { set: CHANGED, where: IF_PENDING });
const END_PENDING = update(TABLE, { set: ['status'], where: IF_PENDING });

interface KnownRequest {
  id: string;
  json: string;
  /** Whether it is in the visitor's browser, and there is no row yet. */
  isVisitor?: true;
}

const memoryKey = (hash: string) => `${TABLE}:${hash}`;
const writeKey = (id: string) => `${TABLE}:${id}`;
const place = (id: string) => ({ table: TABLE, column: 'payload', id });

/**
 * The account whose sign-in this is. Someone who has just shown a factor counts before the session does, so that a
 * change that ends the sessions of an account ends its unfinished sign-ins as well.
 */
function accountOf({ result, session, accountId }: Payload): string | null {
  const { login, first_factor: firstFactor } = (result ?? {}) as Record<
    string,
    { accountId?: string } | undefined
  >;
  const shown = login?.accountId ?? firstFactor?.accountId;
  return shown ?? (session as { accountId?: string } | undefined)?.accountId ?? accountId ?? null;
}

/** Where the engine goes on with an interaction. */
const resumePath = (id: string, { deviceCode }: Payload) => `/${deviceCode ? 'device' : 'auth'}/${id}`;

/** Whether nobody is signed in and nobody has done anything yet: anyone can make these requests, as often as they like. */
const isUntouched = (payload: Payload) =>
  accountOf(payload) === null && !payload.result && !payload.lastSubmission;

/**
 * The engine's storage of interactions. One row is one authorization request, however many prompts it takes: after
 * each prompt the engine ends the interaction and begins another with the same `cid`, and the row moves to its id
 * (docs/decisions/0003).
 */
export class AuthorizationRequests {
  readonly #secrets: Secrets;
  readonly #issuer: string;
  readonly #visitors: ReturnType<typeof createVisitorRequests>;

  constructor(secrets: Secrets, issuer: string) {
    this.#secrets = secrets;
    this.#issuer = issuer;
    this.#visitors = createVisitorRequests(secrets, issuerScope(issuer));
  }

  #find(id: string): KnownRequest | undefined | Promise<KnownRequest | undefined> {
    const unit = currentUnit();
    const hash = digest(id);
    return unit.readOnce(memoryKey(hash), async () => {
      const visitor = this.#findVisitor(unit, id);
      const row = visitor
        ? await unit.readOne(SELECT_BY_ID, { id: visitor.id })
        : await unit.readOne(SELECT_BY_UID, { uid_hash: hash });
      if (!row) return visitor;
      // The request has ended, or gone on to another interaction: what the browser kept is used up.
      if (row.status !== 'pending' || row.uid_hash !== hash) return undefined;
      if (typeof row.account_id === 'string') rememberAccount(row.account_id, row);
      return { id: String(row.id), json: String(row.payload) };
    });
  }

  #findVisitor(unit: UnitOfWork, id: string): KnownRequest | undefined {
    const json = this.#visitors.find(unit, id);
    return json === undefined
      ? undefined
      : { id: rowIdOf(id, Number(JSON.parse(json).iat)), json, isVisitor: true };
  }

  /**
   * Finds it only for the browser in which it began. Its cookies have a path, so a site on a neighbouring host could set
   * those of its own sign-in in a visitor's browser, and have the visitor finish it.
   */
  async find(id: string): Promise<Payload | undefined> {
    const known = await this.#find(id);
    if (!known) return undefined;
    setFoundRequest(currentUnit(), known.id);
    const payload = JSON.parse(known.json);
    // None was kept when an earlier version began it, so an upgrade ends no sign-in.
    const { browser } = payload;
    if (browser && browser !== findRequestCookies(currentUnit())?.findBrowser()) return undefined;
    if (payload.sealed) {
      const opened = this.#secrets.open(payload.sealed, place(known.id));
      Object.assign(payload, JSON.parse(opened), { sealed: undefined });
    }
    return Object.assign(payload, { jti: id, returnTo: `${this.#issuer}${resumePath(id, payload)}` });
  }

  /** Leaves out its own id and the session's cookie, which could be presented to us, and seals other requests' ids. */
  #toJson(payload: Payload, rowId: string): string {
    const { deviceCode, parJti, session } = payload;
    const secret = JSON.stringify({ deviceCode, parJti });
    const stored: Payload = Object.assign({}, payload, {
      jti: undefined,
      returnTo: undefined,
      browser: findRequestCookies(currentUnit())?.recognizeBrowser(),
      deviceCode: undefined,
      parJti: undefined,
      session: session && Object.assign({}, session, { cookie: undefined }),
      sealed: deviceCode || parJti ? this.#secrets.seal(secret, place(rowId)) : undefined,
    });
    return JSON.stringify(stored);
  }

  /** @param seconds its lifetime from now */
  async upsert(id: string, payload: Payload, seconds: number): Promise<void> {
    const unit = currentUnit();
    const hash = digest(id);
    const found = await unit.findKnown<KnownRequest>(memoryKey(hash));
    const ended = findEndedInteraction(unit);
    const continued = ended && ended.cid === payload.cid ? ended.id : undefined;
    const isNew = found ? found.isVisitor : !continued;
    if (isNew && isUntouched(payload) && this.#visitors.canKeep(unit)) {
      const rowId = rowIdOf(id, Number(payload.iat));
      const json = this.#toJson(payload, rowId);
      this.#visitors.keep(unit, id, json, seconds);
      unit.setKnown(memoryKey(hash), { id: rowId, json, isVisitor: true });
      return;
    }
    const rowId = found?.id ?? continued ?? uuidv7();
    const json = this.#toJson(payload, rowId);
    unit.setKnown(memoryKey(hash), { id: rowId, json, isVisitor: found?.isVisitor });
    setStoredRequest(unit, rowId);

    const params = payload.params ?? {};
    const columns = {
      uid_hash: hash,
      account_id: accountOf(payload),
      prompt: (payload.prompt as { name?: string } | undefined)?.name ?? null,
      payload: json,
      expires_at: expiryOf(payload),
    };
    if (!isNew) {
      const values = Object.assign(columns, { id: rowId });
      unit.write({ statement: CHANGE_PENDING, values, guard: 'request' }, writeKey(rowId));
      return;
    }
    const createdAt = found?.isVisitor ? fromEpoch(Number(payload.iat)) : new Date();
    const values = Object.assign({ id: rowId, created_at: createdAt, status: 'pending' }, columns, {
      client_id: params.client_id ?? '',
      redirect_uri: params.redirect_uri ?? '',
      scope: params.scope ?? '',
      state: params.state ?? null,
      nonce: params.nonce ?? null,
      response_type: params.response_type ?? '',
      code_challenge: params.code_challenge ?? null,
      code_challenge_method: params.code_challenge_method ?? null,
    });
    if (found?.isVisitor) {
      this.#visitors.forget(unit, id);
      setBegunInteraction(unit, resumePath(id, payload));
      unit.write({ statement: BEGIN, values, guard: 'interaction' }, writeKey(rowId));
    } else unit.write({ statement: INSERT, values }, writeKey(rowId));
  }

  /** The row becomes `denied`, unless this request goes on to another prompt, or issues a code. */
  async destroy(id: string): Promise<void> {
    const unit = currentUnit();
    const known = await this.#find(id);
    if (!known) return;
    if (known.isVisitor) return this.#visitors.forget(unit, id);
    const values = { id: known.id, status: 'denied' };
    const { cid, iat } = JSON.parse(known.json);
    setEndedInteraction(unit, { id: known.id, cid, iat, values });
    unit.setKnown(memoryKey(digest(id)), undefined);
    unit.write({ statement: END_PENDING, values, guard: 'request' }, writeKey(known.id));
  }
}
