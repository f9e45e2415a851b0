import { errors, Provider } from 'oidc-provider';
import { toDate, toEpoch } from '../../database/instants.ts';
import type { Row, Statement } from '../../database/statement-builders.ts';
import { currentUnit, type UnitOfWork } from '../../database/unit-of-work.ts';
import type { Write } from '../../database/writes.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { answerPolledCode } from './device-codes.ts';
import { findSourceFamily, isOrphaned, withoutForeignGrant } from './exchanged-tokens.ts';
import { findGrantOwner } from './grant-owner.ts';
import { expiryOf, type Model, models, type Payload, storedKey } from './models.ts';
import { rememberRelated } from './preload.ts';
import { isInOverlap, toUse } from './refresh-overlap.ts';
import { findConsumedRow, findEndedInteraction, recordIssuedCode, setConsumedRow } from './request-links.ts';
import { guardSession } from './sessions.ts';
import { type ModelStatements, REVOKE_GRANT, statementsOf } from './statements.ts';
import { findPresentedFamily, revokeFamily, setPresentedFamily } from './token-families.ts';
import { isOfOtherKind } from './token-values.ts';

/** A row as this request knows it. The payload stays text, since the engine changes the objects it is given. */
interface KnownRow {
  id: string;
  json: string;
  /** When it was used, in seconds since 1970. */
  consumed?: number;
  /** The id of its family. */
  family?: string;
}

const memoryKey = (model: Model, key: string) => `${model.table}:${key}`;

/**
 * The engine's storage of every model that is a row of its own; the engine's documentation specifies the methods.
 * All reads and writes belong to the request's unit of work. Values that could be presented are stored as hashes or
 * sealed, so a stolen database opens nothing.
 */
export class Adapter {
  readonly #name: string;
  readonly #model: Model;
  readonly #secrets: Secrets;
  readonly #statements: ModelStatements;
  readonly #refreshOverlap: number;

  /** @param options `refreshOverlap`: in seconds, for clients without one of their own */
  constructor(name: string, secrets: Secrets, options: { refreshOverlap: number }) {
    const model = models[name];
    if (!model) throw new Error(`Latchkey does not store ${name}.`);
    this.#name = name;
    this.#model = model;
    this.#secrets = secrets;
    this.#statements = statementsOf(model);
    this.#refreshOverlap = options.refreshOverlap;
  }

  async #select(statement: Statement<'key'>, key: string): Promise<KnownRow | undefined> {
    const row = await currentUnit().readOne(statement, { key });
    if (!row || row.family_is_revoked || isOrphaned(row)) return undefined;
    if (this.#model.related) rememberRelated(row);
    return this.#toKnownRow(row);
  }

  #findByKey(key: string): KnownRow | undefined | Promise<KnownRow | undefined> {
    return currentUnit().readOnce(memoryKey(this.#model, key), () =>
      this.#select(this.#statements.findByKey, key),
    );
  }

  #toKnownRow(row: Row): KnownRow {
    let json = String(row.payload);
    if (typeof row.code_sealed === 'string') {
      const sealed = this.#secrets.open(row.code_sealed, this.#place(String(row.id)));
      json = JSON.stringify({ ...JSON.parse(json), ...JSON.parse(sealed) });
    }
    return {
      id: String(row.id),
      json,
      consumed: row.consumed_at ? toEpoch(toDate(row.consumed_at)) : undefined,
      family: typeof row.family === 'string' ? row.family : undefined,
    };
  }

  #place(id: string) {
    return { table: this.#model.table, column: 'code_sealed', id };
  }

  #toPayload(known: KnownRow, jti?: string): Payload | undefined {
    const payload: Payload = JSON.parse(known.json);
    // Access tokens and client credentials share a table: each model finds only its own rows.
    if (payload.kind !== this.#name) return undefined;
    if (jti !== undefined) payload.jti = jti;
    if (known.consumed !== undefined) payload.consumed = known.consumed;
    return payload;
  }

  /** Finds expired rows too: the engine itself decides what to answer for those. */
  async find(id: string): Promise<Payload | undefined> {
    if (isOfOtherKind(this.#name, id)) return undefined;
    const key = storedKey(this.#model, id);
    const known = await this.#findByKey(key);
    const payload = known && this.#toPayload(known, id);
    if (!payload) return undefined;
    const { accountId, clientId, grantId } = payload;
    if (known.family && accountId && clientId && grantId)
      setPresentedFamily(currentUnit(), { id: known.family, accountId, clientId, grantId, tokenHash: key });
    if (this.#name === 'RefreshToken' && isInOverlap(payload, this.#refreshOverlap)) delete payload.consumed;
    return withoutForeignGrant(payload);
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    const unit = currentUnit();
    const hash = digest(userCode);
    const known = await unit.readOnce(`${this.#model.table}:user_code_hash:${hash}`, () =>
      this.#select(this.#statements.findByUserCode, hash),
    );
    const payload = known && this.#toPayload(known);
    if (known && payload) unit.setKnown(memoryKey(this.#model, digest(String(payload.jti))), known);
    return payload;
  }

  /** Finds nothing: only sessions are found by uid, and they have their own adapter. */
  async findByUid(): Promise<undefined> {}

  async upsert(id: string, payload: Payload): Promise<void> {
    const unit = currentUnit();
    const { table, sealed } = this.#model;
    const key = storedKey(this.#model, id);
    const found = await unit.findKnown<KnownRow>(memoryKey(this.#model, key));
    const rowId = found?.id ?? (this.#model.key === 'id' ? id : uuidv7());
    const rest: Payload = Object.assign({}, payload, { jti: undefined, consumed: undefined });
    const expires_at = expiryOf(payload, this.#model.keptFor?.(payload));
    const columns = Object.assign(this.#model.columns(payload), { expires_at });
    if (sealed) {
      const secret = Object.fromEntries(sealed.map((member) => [member, payload[member]]));
      for (const member of sealed) delete rest[member];
      columns.code_sealed = this.#secrets.seal(JSON.stringify(secret), this.#place(rowId));
    }
    columns.payload = JSON.stringify(rest);
    const json = sealed ? JSON.stringify({ ...payload, consumed: undefined }) : columns.payload;
    unit.setKnown(memoryKey(this.#model, key), {
      id: rowId,
      json,
      consumed: found?.consumed,
      family: found?.family,
    });

    const writeKey = `${table}:${rowId}`;
    const pending = unit.findWrite(writeKey);
    if (found && pending?.statement.kind !== 'insert') {
      if (this.#model.polled) {
        const answer = answerPolledCode(this.#model, unit, payload, { ...columns, id: rowId }, pending);
        if (answer) return answer === 'unchanged' ? undefined : unit.write(answer, writeKey);
      }
      // An UPDATE never resets `consumed_at`.
      const consumed_at = pending?.values.consumed_at;
      const isConsuming = consumed_at !== undefined;
      const values: Row = Object.assign(columns, { id: rowId }, isConsuming && { consumed_at });
      const statement = isConsuming ? this.#statements.changeAndConsume : this.#statements.change;
      unit.write({ statement, values, guard: pending?.guard }, writeKey);
      return;
    }
    const row: Row = Object.assign(
      { id: rowId, created_at: new Date() },
      columns,
      this.#linksOf(unit, { id: rowId, key }),
    );
    row[this.#model.key] = key;
    if (this.#name === 'AuthorizationCode') guardSession(unit, columns.session_uid);
    const hasNonce = this.#name === 'AuthorizationCode' && columns.nonce !== null;
    const statement = hasNonce ? this.#statements.insertIfNew : this.#statements.insert;
    unit.write({ statement, values: row, guard: hasNonce ? 'nonce' : undefined }, writeKey);
  }

  /** The columns that name the rows of this request from which the new row comes (`Model.links`). */
  #linksOf(unit: UnitOfWork, row: { id: string; key: string }): Row {
    const consumed = findConsumedRow(unit);
    if (this.#name === 'AuthorizationCode') {
      recordIssuedCode(unit, row);
      return {
        authorization_request_id: findEndedInteraction(unit)?.id ?? null,
        state: (Provider.ctx?.oidc?.params?.state as string | undefined) ?? null,
      };
    }
    const family_id = consumed?.family ?? findSourceFamily(unit)?.id ?? null;
    if (this.#model === models.AccessToken)
      return {
        authorization_code_id: consumed?.model === 'AuthorizationCode' ? consumed.id : null,
        family_id,
      };
    if (this.#name === 'RefreshToken')
      return { rotated_from: consumed?.model === 'RefreshToken' ? consumed.id : null, family_id };
    return {};
  }

  /**
   * Marks the row as used. The database decides who used it first, when the unit commits: of all requests that come
   * this far with the same value, one is committed and the others fail by the guard `consume`. Only a refresh token
   * can be used a few times more, within its overlap.
   */
  async consume(id: string): Promise<void> {
    const unit = currentUnit();
    const key = storedKey(this.#model, id);
    const known = await this.#findByKey(key);
    if (!known) throw new errors.InvalidGrant('the row is gone');
    const { id: rowId, json, family } = known;
    const now = new Date();
    const values = { id: rowId, consumed_at: now };
    const write: Write =
      this.#name === 'RefreshToken'
        ? toUse(known, now, this.#refreshOverlap)
        : { statement: this.#statements.consume, values, guard: 'consume' };
    unit.write(write, `${this.#model.table}:${rowId}`);
    unit.setKnown(memoryKey(this.#model, key), { id: rowId, json, family, consumed: toEpoch(now) });
    setConsumedRow(unit, { model: this.#name, id: rowId, key, json, family });
  }

  async destroy(id: string): Promise<void> {
    const unit = currentUnit();
    const key = storedKey(this.#model, id);
    const known = await unit.findKnown<KnownRow>(memoryKey(this.#model, key));
    unit.setKnown(memoryKey(this.#model, key), undefined);
    const writeKey = `${this.#model.table}:${known?.id ?? key}`;
    if (this.#name === 'Grant') {
      unit.write({ statement: REVOKE_GRANT, values: { id, revoked_at: new Date() } }, writeKey);
      return;
    }
    // Replaces an earlier write of this unit to the same row. If that write marked the row as used, its guard is kept,
    // so that the commit fails when another request used the row first.
    const pending = unit.findWrite(writeKey);
    const isConsuming = pending?.values.consumed_at !== undefined;
    const statement = isConsuming ? this.#statements.removeUnused : this.#statements.remove;
    unit.write({ statement, values: { key }, guard: isConsuming ? pending?.guard : undefined }, writeKey);
  }

  /**
   * The engine calls this to delete everything of a grant. If this request presented a code or token of the grant,
   * only that family is revoked.
   */
  async revokeByGrantId(grantId: string): Promise<void> {
    const unit = currentUnit();
    const family = findPresentedFamily(unit);
    if (family?.grantId === grantId) return revokeFamily(unit, family, 'revoked');
    const account_id = await findGrantOwner(unit, grantId);
    if (account_id === undefined) return;
    unit.write(
      { statement: this.#statements.removeByGrant, values: { account_id, grant_id: grantId } },
      `${this.#model.table}:grant:${grantId}`,
    );
  }
}
